"""The synthetic tasks: prompts, specs and right answers, from a seed.

Splits differ in what a model trained on `train` may have seen:

- `values`: values that training never uses, in sentence patterns that it does use;
- `patterns`: the same in sentences with a lead, a statement or a question that training never uses;
- `names`: unseen values of fields whose names training never uses. They are named in the prompt.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from constrain.engine import tasks_phrases, tasks_unseen_phrases
from constrain.engine.tasks_example import SPLITS, Example, Split, object_schema
from constrain.engine.tasks_fields import UNSEEN_NAMES, ad_hoc, members, stated
from constrain.engine.tasks_kinds import KINDS
from constrain.engine.tasks_labels import CUES, asked, message
from constrain.engine.tasks_nested import nested
from constrain.engine.tasks_records import chosen, distracted, record, sentence
from constrain.engine.tasks_sudoku import BOXES, puzzle
from constrain.engine.tasks_values import Values
from constrain.specs import Choice, Regex
from constrain.sudoku import Sudoku
from constrain.template import Template

__all__ = ["LABELS", "SPLITS", "TASKS", "UNSEEN_NAMES", "Example", "Split", "example", "examples", "splits"]


def _extract(values: Values, split: str) -> Example:
    rng, unseen = values.rng, split == "patterns"
    kind = rng.choice(KINDS)
    target = record(kind, values)
    text = sentence(target, kind, rng, unseen=unseen, wear=not values.unseen)
    prompt = distracted(text, (tasks_unseen_phrases if unseen else tasks_phrases).REMARKS, rng)
    return Example("extract", prompt, object_schema(dict(kind.fields), kind.optional), target, json.dumps(target))


_ENUMERATED = [(kind, field) for kind in KINDS for field, schema in kind.fields.items() if "enum" in schema]
LABELS = tuple(
    dict.fromkeys([*CUES, *(option for kind, field in _ENUMERATED for option in kind.fields[field]["enum"])])
)
"""Every label of the classification task."""


def _nested(values: Values, split: str) -> Example:
    text, target, schema = nested(values, unseen=split == "patterns")
    return Example("nested", text, schema, target, json.dumps(target))


_OPENERS = ("Record", "Fields", "Data", "Form")


def _fields(values: Values, split: str) -> Example:
    rng, unseen = values.rng, split == "patterns"
    fields = ad_hoc(values, split, rng.choice((1, 2, 2, 3, 3)))
    prompt = f"{rng.choice(_OPENERS)}: {stated(fields, rng, unseen=unseen)}"
    target = dict(members(fields))
    schema = object_schema({name: schema for name, schema, _, _ in fields})
    return Example("fields", prompt, schema, target, json.dumps(target))


def _classify(values: Values, split: str) -> Example:
    """What a message is about, or which of its options a field of a record has."""
    rng, unseen = values.rng, split == "patterns"
    if rng.random() < 0.7:
        text, label, labels = message(values, unseen=unseen)
    else:
        kind, field = rng.choice(_ENUMERATED)
        said = record(kind, values, told=(field,))
        text = sentence(said, kind, rng, unseen=unseen, wear=not values.unseen)
        label, options = said[field], kind.fields[field]["enum"]
        others = rng.sample([option for option in options if option != label], rng.randint(1, min(3, len(options) - 1)))
        labels = tuple(rng.sample([label, *others], len(others) + 1))
    return Example("classify", asked(text, labels, rng, unseen=unseen), Choice(labels), label, label, options=labels)


_FORM_JOINTS = ("; ", "\n", ", ", " | ")
_UNSEEN_FORM_JOINTS = (" / ", "\n- ")
_FORM_PAIRS = ("{n}: {v}", "{n} = {v}", "{n} is {v}", "{n} - {v}", "{v} ({n})")
_UNSEEN_FORM_PAIRS = ("{n} -> {v}", "the {n} {v}")
_FORM_OPENERS = ("[Fill in|Form|Complete|Fill]: ", "[Fill in|Complete] this: ", "")
_BLANK = "_"


def _form(values: Values, split: str) -> Example:
    """A form is shown with blanks, and its answer is the form with the blanks filled in."""
    rng, unseen = values.rng, split == "patterns"
    fields = ad_hoc(values, split, rng.choice((2, 3)))
    pair = rng.choice(_UNSEEN_FORM_PAIRS if unseen else _FORM_PAIRS)
    joint = rng.choice(_UNSEEN_FORM_JOINTS if unseen else _FORM_JOINTS)
    source = joint.join(
        pair.replace("{n}", name.replace("_", " ")).replace("{v}", "{" + name + "}") for name, *_ in fields
    )
    spelled = {name: text for name, _, _, text in fields}
    form = source.format(**dict.fromkeys(spelled, _BLANK))
    text = stated(fields, rng, unseen=unseen)
    opener = chosen(rng.choice(_FORM_OPENERS), rng)
    prompt = f"{text}\n{opener}{form}"
    holes = {name: Regex("[A-Za-z0-9.-]+( [A-Za-z0-9.-]+)*") for name in spelled}
    return Example("form", prompt, Template(source, **holes), spelled, source.format(**spelled))


def _sudoku(size: int) -> Callable[[Values, str], Example]:
    rows = f"[1-{size}]{{{size}}}"
    shape = Regex(rf"({rows}\n){{{size - 1}}}{rows}")

    def draw(values: Values, split: str) -> Example:
        grid, answer = puzzle(size, values.rng, unseen=values.unseen)
        box = None if size in (4, 9) else BOXES[size]
        spec = Sudoku(grid) if box is None else Sudoku(grid, box=box)
        return Example(f"sudoku{size}", f"Solve\n{grid}", spec, answer, answer, shape=shape)

    return draw


_DRAW: dict[str, tuple[Callable[[Values, str], Example], tuple[Split, ...]]] = {
    "extract": (_extract, ("train", "values", "patterns")),
    "nested": (_nested, ("train", "values", "patterns")),
    "fields": (_fields, SPLITS),
    "classify": (_classify, ("train", "values", "patterns")),
    "form": (_form, SPLITS),
    "sudoku4": (_sudoku(4), ("train", "values")),
    "sudoku6": (_sudoku(6), ("train", "values")),
    "sudoku9": (_sudoku(9), ("train", "values")),
}
TASKS = tuple(_DRAW)


def splits(task: str) -> tuple[Split, ...]:
    """The splits that a task has."""
    return _DRAW[task][1]


def example(task: str, split: str, rng: Random) -> Example:
    """One example; all randomness comes from `rng`."""
    draw, has = _DRAW[task]
    if split not in has:
        raise ValueError(f"{task} has no split {split!r}, but {', '.join(has)}")
    return draw(Values(rng, unseen=split != "train"), split)


def examples(task: str, split: str, count: int, seed: int = 0) -> list[Example]:
    """`count` examples of one task and split; equal arguments give equal examples."""
    rng = Random(f"{task}-{split}-{seed}")
    return [example(task, split, rng) for _ in range(count)]
