"""How flat records are told in training: leads, and what each field may be said with; see `Phrases`."""

from __future__ import annotations

from constrain.engine.tasks_records import Phrases

__all__ = ["CONTACT", "EVENT", "INVOICE", "ORDER", "REMARKS", "TRIP"]

CONTACT = Phrases(
    leads=(
        "{name}",
        "{name}, {age},",
        "{name} ({age})",
        "{name} is {age}[| years old]",
        "{name} [lives|works|is based|was born|studies|stays] in {city}",
        "{name} [is|comes] from {city}",
        "{name}, {age}, [lives in|is from|works in|moved to|comes from] {city}",
        "{name} [is {age} and|is {age} years old and|turned {age} and] [lives in|comes from|works in] {city}",
        "{name} from {city} is {age}[| years old]",
        "{name} of {city}",
        "[Meet|This is|Please add|Here is|I met|I know|Write down|Add] {name}",
        "[Meet|This is|Please add|Here is|I met|I know|Write down|Add] {name} from {city}",
        "[My|Our] {relation_word} {name}",
        "[My|Our|A] {relation_word} [called|named] {name}",
        "[My|Our] {relation_word} {name} [lives in|is from|works in|moved to] {city}",
        "{name} is {relation}",
        "{name}, {relation},",
        "[She|He] is {relation}: {name}",
        "{relation_title}: {name}",
        "[In|From] {city}[|,] [lives|comes] {name}",
        "{age}-year-old {name}",
        "[Contact|Person|Name|Entry]: {name}",
        "{name} [likes|knows|visits|left|loves] {city}",
    ),
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
    leads=(
        "[Ship|Send|Bring|Take|Mail] {quantity} {size} {item} to {customer}",
        "[Ship|Send|Order|Buy|Add|Get|Pack|Bring] {quantity} {size} {item}",
        "[Ship|Send|Order|Buy|Add|Get|Pack] {quantity} {item}",
        "[Ship|Send|Order|Buy|Add|Get|Pack] {item}",
        "{customer} [wants|ordered|needs|bought|takes|gets] {quantity} {size} {item}",
        "{customer} [wants|ordered|needs|bought|takes|gets] {quantity} {item}",
        "{customer} [wants|ordered|needs|bought|takes|gets] {size} {item}",
        "{customer} would like {quantity} {item}",
        "{quantity} {size} {item}",
        "{quantity} {item}",
        "{size_title} {item}",
        "[Please order|We need|I want|I need|Please send] {quantity} {size} {item}",
        "[Please order|We need|I want|I need|Please send] {quantity} {item}",
        "[Order|Sale|Item|List]: {item}",
        "[Order|Sale|List]: {quantity} {size} {item}",
        "Order for {customer}: {quantity} {item}",
        "{customer} is waiting for {quantity} {size} {item}",
        "[Can I have|May we have|Is there room for] {quantity} {size} {item}",
        "[Can|Could] you send {customer} {quantity} {item}",
        "{quantity} x {item}",
        "{item}",
    ),
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
    leads=(
        "{title}",
        "{title} [on|this|next] {day}",
        "{title} [on|this|next] {day} at {hour}[|:00]",
        "{title} is on {day}[| at {hour}:00]",
        "{title} [starts|begins|opens] at {hour}[|:00]",
        "{title} is in {place}",
        "{title} takes place in {place}",
        "[We have|There is|Here is] {title}",
        "[Join us for|Come to|Do not miss|Remember|Remind me of|Plan|Book|Schedule] {title}",
        "[Schedule|Plan|Book] {title} for {day}[| at {hour}:00]",
        "{day}[,| at] {hour}:00: {title}",
        "{day}: {title}",
        "We meet in {place} for {title}",
        "[Event|Meeting|Date]: {title}",
        "[Our|The] {title} is [on|this] {day}",
    ),
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
    leads=(
        "[Pay|We owe|Transfer] {vendor} {amount}",
        "[Pay|We owe|Transfer] {amount} to {vendor}",
        "{vendor} [wants|charges|billed] {amount}",
        "{vendor} sent [an invoice|a bill][| over {amount}]",
        "[Invoice|Bill] from {vendor}",
        "[Invoice|Bill] {number} from {vendor}",
        "[Invoice|Bill] {number}: {vendor}",
        "[Invoice|Bill] over {amount} from {vendor}",
        "The [invoice|bill] of {vendor} is {amount}",
        "The [invoice|bill] of {vendor} is due on {due}",
        "{vendor}, {amount}",
        "{vendor}: {amount}",
        "{amount} for {vendor}",
    ),
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
    leads=(
        "{traveler} [flies|goes|travels|drives] from {origin} to {destination}",
        "{traveler} [flies|goes|travels|drives] to {destination} from {origin}",
        "[Trip|Flight|Train|Journey] from {origin} to {destination}",
        "[Trip|Flight|Train|Journey] to {destination} from {origin}",
        "[Book|Find|Get] a [trip|flight|train] from {origin} to {destination}",
        "[Book|Find|Get] {traveler} a [trip|flight|train] from {origin} to {destination}",
        "From {origin} to {destination}",
        "{origin} to {destination}",
        "{traveler}: {origin} to {destination}",
        "{traveler} leaves {origin} for {destination}",
        "[I|We] [fly|go|travel] from {origin} to {destination}",
    ),
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
