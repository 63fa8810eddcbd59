"""One batch, one specification per row: a label, a pattern, an open object, and free text."""

from typing import Literal

import constrain

model = constrain.load()
prompts = ["Nora Quill lives in Oslo."] * 4
specs = [Literal["person", "order", "event"], constrain.Regex("[A-Z][a-z]+ [A-Z][a-z]+"), dict[str, int | str], None]
for spec, result in zip(specs, model.generate(prompts, specs, max_passes=4, max_new_tokens=32), strict=True):
    print(f"{spec!s:60} {result.value!r}")
