"""Thinking, then the call of a tool, then prose: one specification, and the value has a part for each.

The bundled model has never seen a tool: what it thinks is nonsense, but all has the form that was asked for, and its
calls can be made.
"""

from typing import Annotated, Literal

from pydantic import Field

import constrain
from constrain import FreeText, Regex, Tagged, ToolCalls

Item = Literal["lamps", "chairs", "desks"]


def ship(item: Item, quantity: Annotated[int, Field(ge=1, le=99)], size: Literal["small", "large"]) -> str:
    return f"{quantity} {size} {item} are on their way"


def remind(customer: Literal["Nora Quill", "Bob Hope"], day: Literal["Monday", "Friday"]) -> str:
    return f"{customer} will be reminded on {day}"


tools = {"ship": ship, "remind": remind}
short = FreeText() & Regex("[a-z ,.]{0,30}")
calls = ToolCalls(tools.values(), whitespace="compact")
reply = Tagged("<think>", short, "</think>") + Tagged("<call>", calls, "</call>") + short
model = constrain.load()
result = model.generate("Ship 3 large lamps to Nora Quill.", reply, max_passes=8, max_new_tokens=96)
thought, call, prose = result.value
print(result.text)
print("thought:", thought)
print("call:   ", call)
print("result: ", tools[call.name](**call.arguments))
print("prose:  ", prose)
