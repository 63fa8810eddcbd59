"""Thinking, then the call of a tool, then prose: one specification, and the value has a part for each.

The bundled model has never seen a tool: what it says is nonsense, but it has the form that was asked for.
"""

from typing import Annotated, Literal

from pydantic import Field

import constrain
from constrain import FreeText, Regex, Tagged, ToolCalls

Name = Annotated[str, Field(pattern="^[A-Z][a-z]+( [A-Z][a-z]+)?$")]


def ship(item: str, quantity: Annotated[int, Field(ge=1, le=99)], size: Literal["small", "large"]) -> str:
    return f"{quantity} {size} {item} are on their way"


def remind(name: Name, day: str) -> str:
    return f"{name} will be reminded on {day}"


tools = {"ship": ship, "remind": remind}
short = FreeText() & Regex("[a-z ,.]{0,30}")
reply = Tagged("<think>", short, "</think>") + Tagged("<call>", ToolCalls(tools.values()), "</call>") + short
model = constrain.load()
result = model.generate("Ship 3 large lamps to Nora Quill.", reply, max_passes=8, max_new_tokens=96)
thought, call, prose = result.value
print(result.text)
print("thought:", thought)
print("call:   ", call)
print("result: ", tools[call.name](**call.arguments))
print("prose:  ", prose)
