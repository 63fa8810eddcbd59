"""Every pass leaves a valid draft: stop whenever you like."""

import constrain

model = constrain.load()
order = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "maxLength": 30},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 99},
        "size": {"enum": ["small", "medium", "large"]},
    },
    "required": ["item", "quantity", "size"],
    "additionalProperties": False,
}
for draft in model.stream("Ship 3 large lamps to Nora Quill.", order, max_passes=8):
    print(f"pass {draft.passes}: {draft.text}  p={draft.probability:.3f}")
