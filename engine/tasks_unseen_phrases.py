"""How flat records are told in the patterns that training never sees: the counterpart of `tasks_phrases`."""

from __future__ import annotations

from constrain.engine.tasks_records import Phrases

__all__ = ["CONTACT", "EVENT", "INVOICE", "ORDER", "REMARKS", "TRIP"]

CONTACT = Phrases(
    leads=(
        "{name} just turned {age}",
        "Say hello to {name}",
        "[Our|The] new contact is {name}",
        "{name} has lived in {city} for years",
        "I would like to add {name}",
        "{city} is home to {name}",
        "Please note {name}, {age}, of {city}",
        "My {relation_word} from {city} is {name}",
        "Let me introduce {name}, {relation}",
    ),
    front={
        "age": ("{age} years old", "today {age}"),
        "city": ("back in {city}", "here in {city}"),
        "relation": ("{relation} of ours", "like {relation}"),
    },
    behind={
        "age": ("who turned {age}", ", by now {age}", "at the age of {age}"),
        "city": ("who comes from {city}", ", at home in {city}", "and still lives in {city}"),
        "relation": ("and {relation}", ", truly {relation}"),
    },
    alone={
        "age": ("Age {age}.", "They say [she|he] is {age}."),
        "city": ("Find [her|him] in {city}.", "[Her|His] home is {city}."),
        "relation": ("Put down {relation_word}.", "I call [her|him] {relation}."),
    },
)

ORDER = Phrases(
    leads=(
        "{customer} asked us for {quantity} {size} {item}",
        "Put {quantity} {size} {item} in the box",
        "Could we get {quantity} {size} {item}",
        "Deliver {quantity} {size} {item}",
        "New order: {quantity} {size} {item}",
        "{customer} is buying {item}",
        "We are out of {item}",
        "I am {customer} and I want {quantity} {size} {item}",
    ),
    front={
        "size": ("in size {size}", "only {size}"),
        "quantity": ("make it {quantity}", "{quantity} in all"),
        "customer": ("on behalf of {customer}", "as {customer} wished"),
    },
    behind={
        "size": (", each {size}", "- {size} ones"),
        "quantity": (", {quantity} in total", "- {quantity} units"),
        "customer": ("which {customer} will collect", ", paid by {customer}"),
    },
    alone={
        "size": ("Pick the {size} ones.", "I mean {size}."),
        "quantity": ("Make that {quantity}.", "Count {quantity}."),
        "customer": ("Deliver to {customer}.", "The buyer is {customer}."),
    },
)

EVENT = Phrases(
    leads=(
        "{title} will be held on {day}",
        "See you at {title}",
        "The next {title} is {day}",
        "Please book {place} for {title}",
        "Note that {title} begins at {hour}",
        "There will be {title}",
        "{title}, {place}, {day}",
        "Do you want to come to {title}",
    ),
    front={
        "day": ("coming {day}", "for {day}"),
        "hour": ("around {hour}:00", "{hour} sharp"),
        "place": ("inside {place}", "over at {place}"),
    },
    behind={
        "day": ("every {day}", "- {day}"),
        "hour": ("- {hour}:00", "by {hour}:00"),
        "place": ("inside {place}", "- {place}"),
    },
    alone={
        "day": ("Keep {day} free.", "We said {day}."),
        "hour": ("Be there at {hour}.", "Doors open at {hour}:00."),
        "place": ("Go to {place}.", "{place} is booked."),
    },
)

INVOICE = Phrases(
    leads=(
        "{vendor} is asking for {amount}",
        "Settle the account of {vendor}",
        "Please wire {amount} to {vendor}",
        "An invoice by {vendor} came in",
        "Money for {vendor}",
        "{vendor} expects {amount}",
    ),
    front={
        "amount": ("sum {amount}", "with {amount}"),
        "due": ("no later than {due}", "on {due}"),
        "number": ("under {number}", "ref {number}"),
    },
    behind={
        "amount": ("- {amount}", "of {amount}", "worth {amount}"),
        "due": ("no later than {due}", "- {due}", "with {due} as due date"),
        "number": ("- {number}", "under {number}"),
    },
    alone={
        "amount": ("In all {amount}.", "The sum is {amount}."),
        "due": ("Deadline {due}.", "They want it on {due}."),
        "number": ("See {number}.", "Quote {number}."),
    },
)

TRIP = Phrases(
    leads=(
        "{traveler} will take off in {origin} and land in {destination}",
        "{destination} is where {traveler} wants to go from {origin}",
        "Tickets out of {origin} into {destination}",
        "Departure {origin}, arrival {destination}",
        "The way from {origin} to {destination}",
    ),
    front={
        "traveler": ("as {traveler} asked", "with {traveler} on board"),
        "date": ("when it is {date}", "departing {date}"),
        "seat": ("seated in {seat}", "flying {seat}"),
    },
    behind={
        "traveler": ("- {traveler}", "booked by {traveler}"),
        "date": ("- {date}", "departing {date}"),
        "seat": ("- {seat}", "with a {seat} seat"),
    },
    alone={
        "traveler": ("{traveler} will go.", "The ticket is for {traveler}."),
        "date": ("Departure is {date}.", "Set for {date}."),
        "seat": ("Make it {seat}.", "Only {seat} will do."),
    },
)

REMARKS = (
    "Many greetings.",
    "Let me know.",
    "That is all for today.",
    "Copy to {noise}.",
    "It was a {noise} week.",
)
