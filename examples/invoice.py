"""An invoice whose total adds up, whatever the model would have written: rules across the fields of a form.

The bundled model knows nothing of invoices, so that what it fills in is nonsense; the sums are right all the same.
"""

import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

import constrain

Cents = Annotated[int, Field(ge=100, le=99_900)]

form = constrain.Template(
    "Invoice of {day}\n[+- {item}: {amount} cents\n+]Shipping: {shipping}\nTotal: {total}, due on {due}",
    day=datetime.date,
    item=constrain.Choice(["lamp", "desk", "chair", "shelf"]),
    amount=Cents,
    shipping=Cents,
    total=int,
    due=datetime.date,
).where(
    constrain.Sum(["amount.*", "shipping"], "==", "total"),
    constrain.AllDifferent("item.*"),
    constrain.Less("day", "due"),
)
model = constrain.load()
result = model.generate("Ship 3 lamps and a desk to Nora Quill.", form, max_passes=2, max_new_tokens=96)
print(result.text)
assert sum(result.value["amount"]) + result.value["shipping"] == result.value["total"]


class Line(BaseModel):
    item: Annotated[str, Field(pattern="^[a-z]{2,12}$")]
    amount: Cents


class Invoice(BaseModel):
    __rules__: ClassVar = [constrain.AllDifferent("lines.*.item")]
    lines: Annotated[list[Line], Field(min_length=1, max_length=3)]
    shipping: Cents
    total: Annotated[int, constrain.rule("==", "lines.*.amount", "shipping")]


invoice = model("Ship 3 lamps and a desk to Nora Quill.", Invoice, max_passes=2, max_new_tokens=96)
print(repr(invoice))
assert invoice.total == invoice.shipping + sum(line.amount for line in invoice.lines)
