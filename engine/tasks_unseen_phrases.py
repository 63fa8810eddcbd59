"""How records and fields are told in the patterns that training never sees, in place of those of `patterns/`."""

from __future__ import annotations

__all__ = [
    "BASKET",
    "CLAUSES",
    "CONTACT",
    "EVENT",
    "INVOICE",
    "MEETING",
    "ORDER",
    "PERSON",
    "REMARKS",
    "TRIP",
]

CONTACT = (
    "{name} just turned {age}",
    "Say hello to {name}",
    "[Our|The] new contact is {name}",
    "{name} has lived in {city} for years",
    "I would like to add {name}",
    "Please note {name}, {age}, of {city}",
    "Let me introduce {name}, {relation}",
    "Someone told me that {name} is from {city}",
    "Yesterday I called {name} in {city}",
)
ORDER = (
    "{customer} asked us for {quantity} {size} {item}",
    "Put {quantity} {size} {item} in the box",
    "Could we get {quantity} {size} {item}",
    "Deliver {quantity} {size} {item}",
    "New order: {quantity} {size} {item}",
    "{customer} is buying {item}",
    "We are out of {item}",
    "Prepare {quantity} {item} for {customer}",
    "Maybe {quantity} {item} will do",
)
EVENT = (
    "{title} will be held on {day}",
    "See you at {title}",
    "The next {title} is {day}",
    "Note that {title} begins at {hour}",
    "There will be {title}",
    "{title}, {place}, {day}",
    "Do you want to come to {title}",
    "Everybody is invited to {title} in {place}",
)
INVOICE = (
    "{vendor} is asking for {amount}",
    "Settle the account of {vendor}",
    "Please wire {amount} to {vendor}",
    "An invoice by {vendor} came in",
    "Money for {vendor}",
    "{vendor} expects {amount}",
    "Did you send {amount} to {vendor}",
)
TRIP = (
    "{traveler} will take off in {origin} and land in {destination}",
    "Tickets out of {origin} into {destination}",
    "Departure {origin}, arrival {destination}",
    "The way from {origin} to {destination}",
    "{traveler} moves from {origin} to {destination}",
    "A seat from {origin} to {destination}",
)
BASKET = (
    "Deliver {lines} to {customer}",
    "{customer} put {lines} on the list",
    "We promised {customer} {lines}",
    "New order by {customer}: {lines}",
)
MEETING = (
    "{title} brings together {people} this {day}",
    "Seats at {title} are for {people}, {day} only",
    "See {people} at {title} next {day}",
)
PERSON = (
    "Send the letter to {name}, {city}, {number} {street}",
    "You will find {name} in {city}: {street} {number}",
    "{name} moved into {street} {number}, {city}",
    "The house of {name} is {number} {street} over in {city}",
)

CLAUSES = (
    "set [|the ]{n} to {v}",
    "[the|their] {n} reads {v}",
    "{n} turned out to be {v}",
    "we know that the {n} is {v}",
)
"""What is said of a field `{n}` with the value `{v}`."""
REMARKS = (
    "Many greetings.",
    "Let me know.",
    "That is all for today.",
    "Copy to {noise}.",
    "It was a {noise} week.",
)
