"""A form is filled in: text with holes, each of a type or spec of its own; sections may be missing or repeated."""

from typing import Literal

import constrain

form = constrain.Template(
    '{{"item": "{item}", "quantity": {quantity}, "size": "{size}"[?, "customer": "{customer}"?]}}',
    item=constrain.Regex("[a-z ]+") & constrain.Text(chars=(3, 20), words=(1, 2)),
    quantity=int,
    size=Literal["small", "medium", "large"],
    customer=str,
)  # the bundled model has seen nothing but JSON
model = constrain.load()
result = model.generate("Ship 3 large lamps to Nora Quill.", form, max_passes=8)
print(result.text)
print(result.value)

invoice = constrain.Template(
    "Dear {name},\n[*- {quantity} {item}\n*]Your total is {total}.[? {note}?]",
    name=str,
    quantity=int,
    item=str,
    total=float,
    note=str,
)
print(invoice.dumps({"name": "Nora Quill", "quantity": [3, 1], "item": ["lamps", "chair"], "total": 34.5}))
print(invoice.parse("Dear Nora Quill,\n- 3 lamps\nYour total is 30.00. Thank you!"))
