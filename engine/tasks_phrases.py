"""How flat records are told in training: leads, and what each field may be said with; see `Phrases`."""

from __future__ import annotations

from constrain.engine.tasks_patterns import patterns
from constrain.engine.tasks_records import Phrases

__all__ = ["CONTACT", "EVENT", "INVOICE", "ORDER", "REMARKS", "TRIP"]

CONTACT = Phrases(
    leads=patterns("contact"),
    front={
        "age": ("at {age}", "aged {age}", "now {age}"),
        "city": ("in {city}", "from {city}", "over in {city}"),
        "relation": ("as {relation}", "{relation}", "{relation_title}"),
    },
    behind={
        "age": (
            ", {age},",
            "aged {age}",
            ", age {age}",
            ", {age} years old",
            "who is {age}",
            "and is {age}",
            "({age})",
        ),
        "city": (
            "from {city}",
            "in {city}",
            "of {city}",
            "[living|working|based] in {city}",
            "who [lives|works] in {city}",
            "and [lives|works|stays] in {city}",
            ", {city}",
            "({city})",
        ),
        "relation": (
            ", {relation}",
            "who is {relation}",
            "and is {relation}",
            "({relation_word})",
            "as {relation}",
        ),
    },
    alone={
        "age": (
            "[She|He] is {age}[| years old].",
            "Age: {age}.",
            "[Her|His] age is {age}.",
            "[They|We] are {age}.",
        ),
        "city": ("[She|He] [lives in|is from|works in] {city}.", "City: {city}.", "[Her|His] city is {city}."),
        "relation": ("[She|He] is {relation}.", "Relation: {relation_word}.", "[A|My|Our] {relation_word}."),
    },
)

ORDER = Phrases(
    leads=patterns("order"),
    front={
        "size": ("in {size}", "size {size}", "{size_title}"),
        "quantity": ("{quantity} pieces", "{quantity} times", "{quantity} of these"),
        "customer": ("for {customer}", "{customer} called", "{customer} writes"),
    },
    behind={
        "size": ("in {size}", ", size {size}", ", {size}", "({size})", "of size {size}", "[which are|all] {size}"),
        "quantity": (
            ", {quantity} pieces",
            ", quantity {quantity}",
            "({quantity})",
            ", {quantity} of them",
            "x {quantity}",
        ),
        "customer": (
            "for {customer}",
            ", for {customer}",
            "to {customer}",
            "[ordered|wanted] by {customer}",
            "({customer})",
        ),
    },
    alone={
        "size": ("They should be {size}.", "Size: {size}.", "The size is {size}.", "All [are|of them] {size}."),
        "quantity": (
            "We need {quantity}.",
            "Quantity: {quantity}.",
            "The quantity is {quantity}.",
            "{quantity} please.",
        ),
        "customer": (
            "It is for {customer}.",
            "Customer: {customer}.",
            "{customer} [asked|called|is waiting].",
            "Send it to {customer}.",
        ),
    },
)

EVENT = Phrases(
    leads=patterns("event"),
    front={
        "day": ("on {day}", "{day}", "next {day}"),
        "hour": ("at {hour}[|:00]", "{hour}:00"),
        "place": ("in {place}", "{place}"),
    },
    behind={
        "day": ("on {day}", ", {day}", "this {day}", "({day})"),
        "hour": ("at {hour}[|:00]", ", {hour}:00", "from {hour}[|:00]", "({hour}:00)"),
        "place": ("in {place}", ", {place}", "at {place}", "({place})"),
    },
    alone={
        "day": ("Day: {day}.", "It is on {day}.", "The day is {day}."),
        "hour": ("Hour: {hour}.", "It [starts|begins] at {hour}[|:00].", "The hour is {hour}."),
        "place": ("Place: {place}.", "It is in {place}.", "We meet [in|at] {place}.", "The place is {place}."),
    },
)

INVOICE = Phrases(
    leads=patterns("invoice"),
    front={
        "amount": ("{amount}", "for {amount}"),
        "due": ("by {due}", "until {due}", "due {due}"),
        "number": ("{number}", "invoice {number}", "as to {number}"),
    },
    behind={
        "amount": ("over {amount}", ", {amount}", "for {amount}", "({amount})", ", amount {amount}"),
        "due": ("by {due}", ", due {due}", "until {due}", "(due {due})", ", due on {due}", "before {due}"),
        "number": ("({number})", ", number {number}", ", invoice {number}", "for {number}"),
    },
    alone={
        "amount": ("Amount: {amount}.", "The amount is {amount}.", "It is {amount}.", "We pay {amount}."),
        "due": ("Due: {due}.", "It is due on {due}.", "Pay by {due}.", "The due date is {due}."),
        "number": ("Number: {number}.", "The number is {number}.", "Invoice {number}."),
    },
)

TRIP = Phrases(
    leads=patterns("trip"),
    front={
        "traveler": ("for {traveler}", "{traveler}"),
        "date": ("on {date}", "{date}"),
        "seat": ("in {seat} class", "{seat} class"),
    },
    behind={
        "traveler": ("for {traveler}", ", {traveler}", "({traveler})", "with {traveler}"),
        "date": ("on {date}", ", {date}", "({date})", ", leaving {date}"),
        "seat": ("in {seat}", "in {seat} class", ", {seat} class", ", {seat}", "({seat})"),
    },
    alone={
        "traveler": ("It is for {traveler}.", "Traveler: {traveler}.", "The traveler is {traveler}."),
        "date": ("Date: {date}.", "It is on {date}.", "The date is {date}.", "We leave on {date}."),
        "seat": ("Seat: {seat}.", "{seat} class, please.", "The seat is {seat}."),
    },
)

REMARKS = (
    "Thanks[!|.| a lot.]",
    "Please [confirm|reply|check this].",
    "[Hello|Hi|Good morning|Dear all][,|!]",
    "[Noted|Done|Sent] by {noise}.",
    "The weather is {noise}.",
    "[See|Ask|Tell] {noise}.",
    "[I|We] {noise} this [now|soon|again].",
    "{noise} [is|was] here.",
)
"""What says nothing about a record; `{noise}` is an invented word."""
