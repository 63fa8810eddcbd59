"""The compiled constraint without a model: packed masks for a loop of your own, saved and loaded."""

import tempfile
from pathlib import Path

import constrain

words = [b"y", b"es", b"n", b"o", b"yes", b" ", None]
vocabulary = constrain.Vocabulary(words, end_of_turn=[6])
spec = constrain.Choice(["yes", "no"])
constraint = constrain.compile(spec, vocabulary)
print(constraint.explain())
for position, word in enumerate(constraint.masks(3)[:, 0]):
    print(position, [words[t] for t in range(len(words)) if word >> t & 1])

with tempfile.TemporaryDirectory() as directory:
    path = Path(directory) / "yes_no.npz"
    constraint.save(path)
    assert (constrain.Constraint.load(path, spec, vocabulary).masks(3) == constraint.masks(3)).all()
