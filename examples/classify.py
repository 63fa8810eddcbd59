"""The probability of every option, exactly, from a single pass: how sure is the model?"""

from enum import Enum

import constrain


class Size(Enum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


model = constrain.load()
prompts = [
    "Ship 3 large lamps to Nora Quill.",
    "Ship 12 small chairs to Bob Hope.",
    "Ship 1 medium desk to Ada Lovelace.",
    "Ship 2 lamps to Nora Quill.",
]
for prompt, ranking in zip(prompts, model.choose(prompts, ["small", "medium", "large"]), strict=True):
    print(f"{prompt:36}", ", ".join(f"{option} {probability:.3f}" for option, probability in ranking.items()))

sizes = model.choose(prompts[0], Size, max_passes=4)  # an enumeration, as JSON; more passes make up the model's mind
print(sizes.best, f"with probability {sizes[Size.LARGE]:.3f} after {sizes.passes} passes")
