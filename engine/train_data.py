"""Batches for training: examples are drawn as they are needed, a function of the seed and of the step alone.

Examples are drawn in pools, sorted by length and cut into parts of equal length; a step has one part of every stratum
of the pool, so that little is padded and each step still sees short and long answers. The first steps have short
examples of the tasks that are all copying, which teaches copying at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from constrain.engine.tasks import example
from constrain.engine.train_tokens import END_OF_TURN, PAD, render

__all__ = ["Data", "Part"]

_POOL = 16
"""Steps per pool."""
_FULL = 0.1
"""Share of the parts whose canvas is as long as in decoding; the tail behind the others is cut short."""


_Row = tuple[list[int], list[int], str]
"""Prompt, canvas and task."""


@dataclass(frozen=True)
class Part:
    """Rows of similar length: prompts `[B, P]`, padded on the left, and canvases `[B, L]`, padded on the right."""

    prompt: Tensor
    canvas: Tensor
    tasks: tuple[str, ...]


_SHORTEST = 3
"""In the first steps, one in so many examples of a task is kept: the shortest."""


class Data:
    """The parts of every step, for a mixture of tasks: `weights` says how often each is drawn.

    The first `early` steps draw from `copying` alone.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        weights: Mapping[str, float],
        *,
        copying: Sequence[str] = (),
        early: int = 0,
        rows: int,
        strata: int,
        canvas: int,
        seed: int,
    ) -> None:
        self.tokenizer = tokenizer
        self.weights = dict(weights)
        self.copying, self.early = tuple(copying), early
        self.rows, self.strata, self.canvas, self.seed = rows, strata, canvas, seed
        self._pool: tuple[int, list[list[Part]]] = (-1, [])

    def step(self, step: int) -> list[Part]:
        """The parts of one step, which counts from 0."""
        index, within = divmod(step, _POOL)
        if self._pool[0] != index:
            self._pool = index, self._drawn(index)
        return self._pool[1][within]

    def _drawn(self, index: int) -> list[list[Part]]:
        rng = Random(f"{self.seed}-{index}")
        is_early = index * _POOL < self.early
        names = list(self.copying) if is_early else list(self.weights)
        count = _POOL * self.strata * self.rows
        tasks = rng.choices(names, [self.weights[name] for name in names], k=count)
        rows: list[_Row] = []
        for task in sorted(set(tasks)):
            rows += self._rows(task, tasks.count(task), _SHORTEST if is_early else 1, rng)
        rows.sort(key=lambda row: (len(row[1]), len(row[0])))
        size = _POOL * self.rows
        steps: list[list[Part]] = [[] for _ in range(_POOL)]
        for start in range(0, len(rows), size):
            order = rng.sample(range(_POOL), _POOL)  # which part of the stratum each step gets
            for step, place in zip(steps, order, strict=True):
                chosen = rows[start + place * self.rows : start + (place + 1) * self.rows]
                step.append(self._part(chosen, rng))
        return steps

    def _rows(self, task: str, count: int, surplus: int, rng: Random) -> list[_Row]:
        """`count` rows of one task, the shortest of `surplus` times as many."""
        drawn = [example(task, "train", rng) for _ in range(count * surplus)]
        prompts = self.tokenizer([render(each.prompt) for each in drawn], add_special_tokens=False).input_ids
        answers = self.tokenizer([each.answer for each in drawn], add_special_tokens=False).input_ids
        pairs = sorted(zip(prompts, answers, strict=True), key=lambda pair: len(pair[0]) + len(pair[1]))[:count]
        return [(*self._one_canvas(prompt, [*answer, END_OF_TURN], rng), task) for prompt, answer in pairs]

    def _one_canvas(self, prompt: list[int], answer: list[int], rng: Random) -> tuple[list[int], list[int]]:
        """What is read and what is written of one canvas of the answer; those before it are closed, and read."""
        start = self.canvas * rng.randrange(-(-len(answer) // self.canvas))
        return prompt + answer[:start], answer[start : start + self.canvas]

    def _part(self, rows: Sequence[_Row], rng: Random) -> Part:
        width = max(len(prompt) for prompt, _, _ in rows)
        longest = max(len(answer) for _, answer, _ in rows)
        length = self.canvas if rng.random() < _FULL else min(longest + rng.randint(1, 8), self.canvas)
        return Part(
            torch.tensor([[PAD] * (width - len(prompt)) + prompt for prompt, _, _ in rows]),
            torch.tensor([answer + [PAD] * (length - len(answer)) for _, answer, _ in rows]),
            tuple(task for _, _, task in rows),
        )
