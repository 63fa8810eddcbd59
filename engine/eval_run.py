"""One model, one way of decoding, a list of prompts: what came out, and the figures that sum it up."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.constraint import Constraint, compile
from constrain.engine.eval_judging import Verdict, found, judged
from constrain.engine.eval_modes import Mode
from constrain.engine.eval_seams import NoisyDenoiser, VariedConstraints, VariedDenoiser
from constrain.engine.model import Model
from constrain.engine.result import Result
from constrain.engine.rows import Row
from constrain.engine.seams import Constraints, Denoiser
from constrain.engine.stopping import LIKELY
from constrain.puzzle import Puzzle
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, PythonType

__all__ = ["Answers", "Case", "ModeModel", "answers", "applies", "entropies", "rankings", "verdicts"]


@dataclass(frozen=True)
class Case:
    """A prompt, what the answer must be, and the right one, as `judged` takes it."""

    prompt: str
    spec: Spec
    target: Any


@dataclass(frozen=True)
class Answers:
    """What a model wrote to a list of cases."""

    results: list[Result]
    seconds: float
    """Wall time of all together, from prompts to texts; compiling the specs of automata is left out."""


class ModeModel(Model):
    """`model`, decoding in another mode and under noise. It shares everything with `model`."""

    def __init__(self, model: Model, mode: Mode, *, sigma: float = 0.0, seed: int = 0) -> None:
        vars(self).update(vars(model))  # reading a large vocabulary anew would take seconds
        self.mode = mode
        self.sigma = sigma
        self.seed = seed
        self.length = max(round(model.length * mode.canvas), 1)
        masked = model.family.masked
        own = None if masked is None else replace(masked, length=self.length)
        self.family = replace(model.family, length=self.length, masked=own)

    @contextmanager
    def _running(self) -> Iterator[None]:
        """While this lasts, a network whose config says how long a canvas is has the length of the mode."""
        config = self.network.config
        before = getattr(config, "canvas_length", None)
        try:
            if before is not None:
                config.canvas_length = self.length
            yield
        finally:
            if before is not None:
                config.canvas_length = before

    def prepare(self, cases: Sequence[Case]) -> int | None:
        """Compile what `cases` need, and say how many tokens they may take; None: what their specs say.

        Without a constraint that is what the checkpoint allows, or the longest of the shortest valid outputs if it is
        more: a grid of 89 tokens has to be possible.
        """
        for case in cases:
            self._prepared(case.spec)
        if self.mode.constraint != "none":
            return None
        return max(self.settings.max_new_tokens, *(self._constraint(case.spec).shortest for case in cases))

    def write(
        self, cases: Sequence[Case], *, budget: int, room: int | None, seed: int, trace: bool = False
    ) -> list[Result]:
        """What the model writes to `cases`, all in one batch, in at most `budget` passes per canvas.

        `room` is what `prepare` said.
        """
        prompts, stop = [case.prompt for case in cases], self.mode.stop(self.settings)
        specs = [self._prepared(case.spec) for case in cases]
        with self._running():
            return self.generate(
                prompts, specs, max_passes=budget, max_new_tokens=room, seed=seed, stop=stop, trace=trace
            )

    def _prepared(self, spec: Spec) -> Spec | Constraint | None:
        """What `generate` is given: the spec as the mode wants it spelled, compiled if it is an automaton."""
        if self.mode.constraint == "none":
            return None
        if self.mode.whitespace is not None:
            spec = _spaced(spec, self.mode.whitespace)
        if self.mode.header:
            spec = Choice([self.mode.header]) + spec
        return spec if isinstance(spec, Puzzle) else compile(spec, self.vocabulary)

    def _denoiser(self, rows: Sequence[Row]) -> Denoiser:
        """Noise depends on the prompts, so that all modes meet the same, and other prompts meet another."""
        denoiser = super()._denoiser(rows)
        if not self.sigma:
            return denoiser
        seed = zlib.crc32(repr((self.seed, [row.ids for row in rows])).encode())
        return NoisyDenoiser(denoiser, self.sigma, seed)

    def _seams(self, rows: Sequence[Row], constraints: Constraints) -> tuple[Denoiser, Constraints]:
        denoiser = self._denoiser(rows)
        if not self.mode.varied:
            return denoiser, constraints
        pads = () if self.settings.pad is None else (self.settings.pad,)
        varied = VariedConstraints(constraints, self.mode, [*self.settings.end_of_turn, *pads])
        return VariedDenoiser(denoiser, varied, self.mode), varied


def answers(
    model: Model, mode: Mode, cases: Sequence[Case], *, budget: int, sigma: float = 0.0, seed: int = 0, batch: int = 16
) -> Answers:
    """What `model` writes to `cases` in this mode, `batch` at a time, in at most `budget` passes per canvas.

    Equal arguments give equal answers. Rows of a batch finish together, and so its slowest one counts for all in
    `seconds`.
    """
    decoding = ModeModel(model, mode, sigma=sigma, seed=seed)
    room = decoding.prepare(cases)
    results: list[Result] = []
    begun = time.perf_counter()
    for at in range(0, len(cases), batch):
        results += decoding.write(cases[at : at + batch], budget=budget, room=room, seed=seed + at)
    return Answers(results, time.perf_counter() - begun)


def applies(mode: Mode, model: Model, spec: Spec) -> bool:
    """Whether the mode means anything here: only JSON has white space, only a regular spec takes a header. Models of
    masked diffusion know no noise, what they accept they choose and doubt in one, and no row stops as it is likely.
    """
    usual = mode.noise == "vocabulary" and mode.entropy == ("raw" if mode.draw == "raw" else "both")
    if model.family.masked is not None and not (usual and mode.likely == LIKELY):
        return False
    if mode.whitespace is not None:
        return isinstance(spec, JsonSchema)
    return not mode.header or not isinstance(spec, Puzzle)


def _spaced(spec: Spec, whitespace: str) -> JsonSchema:
    if isinstance(spec, PythonType):
        return PythonType(spec.type, whitespace=whitespace)
    assert isinstance(spec, JsonSchema), "asked of `applies` before"
    options = spec.options
    return JsonSchema(
        spec.schema,
        whitespace=whitespace,
        additional_properties_default=options.additional_properties_default,
        formats="assert" if options.formats else "annotate",
        ensure_ascii=options.ensure_ascii,
        member_order="any" if options.any_order else "schema",
        max_depth=options.max_depth,
        documents=spec.language.documents,
    )


def verdicts(mode: Mode, cases: Sequence[Case], results: Sequence[Result]) -> list[Verdict]:
    """What the texts of `results` are worth; the text of a row with an error is empty."""
    texts = [result.text.removeprefix(mode.header) for result in results]
    if mode.parsed:
        texts = [found(case.spec, text) for case, text in zip(cases, texts, strict=True)]
    return [judged(case.spec, case.target, text) for case, text in zip(cases, texts, strict=True)]


def rankings(
    model: Model, cases: Sequence[Case], *, budget: int, sigma: float = 0.0, seed: int = 0, batch: int = 16
) -> list[tuple[float, bool]]:
    """Of every case that is a `Choice`: the probability that `choose` gives its best option, and whether it is right.

    Rows that `choose` refuses are left out.
    """
    decoding = ModeModel(model, Mode("joint"), sigma=sigma, seed=seed)
    groups: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        if isinstance(case.spec, Choice):
            groups.setdefault(tuple(sorted(case.spec.options)), []).append(case)
    out: list[tuple[float, bool]] = []
    for options, group in groups.items():
        for at in range(0, len(group), batch):
            part = group[at : at + batch]
            ranked = decoding.choose([case.prompt for case in part], options, max_passes=budget, seed=seed + at)
            for case, ranking in zip(part, ranked, strict=True):
                if ranking.error is None:
                    out.append((ranking[ranking.best], ranking.best == case.target))
    return out


def entropies(model: Model, case: Case, *, constrained: bool, budget: int, seed: int = 0) -> NDArray[np.float32]:
    """`[N, L]`: the entropy in nats of every position of the last canvas in each pass; NaN behind the end of turn."""
    decoding = ModeModel(model, Mode("joint", constraint="joint" if constrained else "none"))
    (result,) = decoding.write([case], budget=budget, room=decoding.prepare([case]), seed=seed, trace=True)
    passes = () if result.trace is None else result.trace.passes
    last = [each.entropy for each in passes if each.canvas == passes[-1].canvas]
    out = np.full((len(last), model.length), np.nan, np.float32)
    for row, entropy in zip(out, last, strict=True):
        row[: len(entropy)] = entropy
    return out
