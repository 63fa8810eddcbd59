"""Prompt in, a pydantic object out, on the bundled model: no network, no GPU."""

from typing import Literal

from pydantic import BaseModel

import constrain


class Person(BaseModel):
    name: str
    age: int
    city: str
    relation: Literal["friend", "family", "colleague", "client"] | None = None


model = constrain.load()
print(model("Ada Lovelace, 36, lives in London.", Person))

for result in model.generate(["My friend Nora Quill is 41 and lives in Oslo.", "Bob Hope, 12, Paris."], Person):
    print(result.value, f"({result.passes} passes, stopped: {result.stop_reason}, log Z {result.log_z:.2f})")
