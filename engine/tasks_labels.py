"""Classification: messages with words that speak for one label or another, and labels with honest probabilities.

Every cue in a message is drawn from the label's own words with probability `FAITHFUL`, else from another's, and the
label was drawn first: messages with few or mixed cues are ambiguous, and the right answer to them is uncertain.
"""

from __future__ import annotations

from random import Random

from constrain.engine.tasks_records import chosen
from constrain.engine.tasks_values import Values

__all__ = ["CUES", "FAITHFUL", "asked", "message"]

FAITHFUL = 0.85
"""Share of the cues that speak for the label that was drawn."""

CUES: dict[str, tuple[str, ...]] = {
    label: tuple(cues.split())
    for label, cues in {
        "sport": "match goal coach race ball league score swim cup tennis runner medal team",
        "food": "soup bread lunch spice kitchen cook dinner cheese cake menu taste salad oven",
        "music": "song band concert drum guitar singer tune album piano choir violin dance melody",
        "travel": "flight hotel train beach ticket passport luggage tour airport map cruise island road",
        "money": "bank loan price tax salary budget invoice coin fund debt bill profit wallet",
        "weather": "rain snow storm sun cloud wind frost heat fog thunder ice flood sky",
        "health": "doctor fever nurse pill sleep pain clinic heart cough diet cure tooth blood",
        "work": "office boss project meeting desk report team deadline task job career shift email",
    }.items()
}
"""The words that speak for each topic."""
_SENTENCES = (
    "{name} [wrote|talked|asked|read|spoke] about the {a}[| and the {b}].",
    "[The|This|Our|My|Her|His] {a} [and the|or the|with the|near the] {b} [was|is] in {city}.",
    "{name} [likes|loves|knows|has|sees|wants] the {a}[, the {b}| and a {b}][| and the {c}].",
    "[A|The|One|No] {a}, [a|the|one|no] {b}[ and the {c}|].",
    "In {city} [we|I|they] [had|saw|found|lost] the {a}[| with the {b}| and the {b}].",
    "[What|How] about the {a}[|, the {b}| or the {b}]?",
    "{name} [is|was] in {city} for the {a}[| and the {b}].",
)
_UNSEEN_SENTENCES = (
    "{name} told {city} of the {a}[| after the {b}].",
    "Nobody expected the {a} or the {b} in {city}.",
    "Remember the {a}? {name} [thinks|dreams] of the {b}.",
    "First came the {a}, then the {b}[|, last the {c}].",
)
_QUESTIONS = ("[Topic|Type]: {labels}?", "[Is this|Is it] {labels}?", "[Choose|Pick]: {labels}.", "Label: {labels}.")
_UNSEEN_QUESTIONS = ("Would you say {labels}?", "[Sort into|File under] {labels}.")


def message(values: Values, *, unseen: bool) -> tuple[str, str, tuple[str, ...]]:
    """A message, its label, and the labels to choose from in the order to name them in."""
    rng = values.rng
    labels = tuple(rng.sample(list(CUES), rng.choice((2, 2, 3, 3, 4))))
    label = rng.choice(labels)
    others = [other for other in labels if other != label]
    pattern = chosen(rng.choice(_UNSEEN_SENTENCES if unseen else _SENTENCES), rng)
    cues = {slot: rng.choice(CUES[label if rng.random() < FAITHFUL else rng.choice(others)]) for slot in "abc"}
    text = pattern.format(name=values.name(), city=values.city(), **cues)
    return text, label, labels


def asked(text: str, labels: tuple[str, ...], rng: Random, *, unseen: bool) -> str:
    """The text with the question which of the labels it has, before or behind it."""
    question = chosen(rng.choice(_UNSEEN_QUESTIONS if unseen else _QUESTIONS), rng).format(labels=_listed(labels, rng))
    if rng.random() < 0.3:
        return f"{question} {text}"
    return f"{text if text[-1] in '.!?' else text + '.'} {question}"


def _listed(labels: tuple[str, ...], rng: Random) -> str:
    return ", ".join(labels[:-1]) + rng.choice((" or ", ", ")) + labels[-1]
