"""The face of the engine: a model that is asked for text, or for a value of some type, and gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any, Unpack, cast, overload

import torch

from constrain.constraint import Constraint, compile
from constrain.engine.ahead import Ahead, meanwhile
from constrain.engine.choosing import Alternatives, Ranking, rank
from constrain.engine.diffusion_gemma import CHANNEL
from constrain.engine.families import family_of, loader_of
from constrain.engine.infilling import Infill, given_tensor
from constrain.engine.masked_options import MaskedDiffusion
from constrain.engine.options import Options
from constrain.engine.progress import counted, progress_bar
from constrain.engine.prompts import Batch, Message, Prompt, is_batch, prompt_ids
from constrain.engine.reading import Reader, waiting
from constrain.engine.refine import decode
from constrain.engine.result import Result
from constrain.engine.rows import Limits, Row, check_budget, check_counts, constraints_of, grouped, started, tried
from constrain.engine.seams import Constraints, Denoiser
from constrain.engine.stopping import CERTAIN, LIKELY, StopRule
from constrain.engine.streaming import AsyncStreaming
from constrain.engine.thinking import Channel, framed
from constrain.engine.trace import Tracer
from constrain.engine.windows import PuzzleConstraint
from constrain.errors import ConstrainError, SpecError, UnsupportedError, VocabularyError
from constrain.puzzle import Puzzle
from constrain.vocabulary import Vocabulary

__all__ = ["Batch", "Message", "Model", "Options", "Prompt", "Ranking", "Result", "from_transformers", "load"]

MAX_CANVASES = 16
"""How far the default budget of a spec goes, unless the checkpoint's own goes further."""

SOLVER_TIME = 30.0
"""The default of `solver_time`, in seconds."""

_HUB_OPTIONS = (
    "cache_dir",
    "force_download",
    "local_files_only",
    "revision",
    "subfolder",
    "token",
    "trust_remote_code",
)


class Model(AsyncStreaming):
    """A diffusion language model with its tokenizer: prompt in, value out.

    A prompt is a string (a user's message, if the tokenizer has a chat template) or a list of chat messages; a list of
    prompts is a batch and gets a list of answers. `spec` is what `constrain.as_spec` takes, or a `Constraint` compiled
    for `model.vocabulary`; None is any text. For a batch, a list gives each prompt its own.

    What is wrong with a single prompt or its spec is raised. In a batch it becomes that row's `Result.error`, and the
    other rows run.
    """

    def __init__(self, network: Any, tokenizer: Any, *, family: MaskedDiffusion | None = None) -> None:
        """`family` says how masked diffusion models are read and sampled, where that is not known, or other than usual.

        Raises `UnsupportedError` for another model family, `VocabularyError` for another model's tokenizer.
        """
        self.family = family_of(network, tokenizer, family)
        settings = self.family.settings
        specials = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
        for end in settings.end_of_turn:
            if end not in specials:
                raise VocabularyError(
                    f"the model ends its turn with id {end}, which is no special token of this tokenizer",
                    hint="load the tokenizer that belongs to the model",
                )
        self.network = network
        self.tokenizer = tokenizer
        self.vocabulary = Vocabulary.from_tokenizer(
            tokenizer, size=self.family.vocab_size, end_of_turn=settings.end_of_turn or None
        )
        self.channel = Channel.of(tokenizer, *CHANNEL)
        self.length = self.family.length
        ends = self.vocabulary.end_of_turn
        self._pad: int = next(i for i in (settings.pad, tokenizer.pad_token_id, ends[0]) if i is not None)
        self.settings = replace(settings, end_of_turn=ends, pad=self._pad)

    @overload
    def __call__(self, prompt: Prompt, spec: Any = None, **options: Unpack[Options]) -> Any: ...
    @overload
    def __call__(self, prompt: Batch, spec: Any = None, **options: Unpack[Options]) -> list[Any]: ...
    def __call__(self, prompt: Prompt | Batch, spec: Any = None, **options: Unpack[Options]) -> Any:
        """The value, or the list of values; a row that failed raises its error."""
        *_, results = self._run(prompt, spec, every_pass=False, **options)
        values = [result.value for result in results]
        return values if is_batch(prompt) else values[0]

    @overload
    def generate(
        self,
        prompt: Prompt,
        spec: Any = None,
        *,
        on_pass: Callable[[Result], object] | None = None,
        **options: Unpack[Options],
    ) -> Result: ...
    @overload
    def generate(
        self,
        prompt: Batch,
        spec: Any = None,
        *,
        on_pass: Callable[[list[Result]], object] | None = None,
        **options: Unpack[Options],
    ) -> list[Result]: ...
    def generate(
        self,
        prompt: Prompt | Batch,
        spec: Any = None,
        *,
        on_pass: Callable[[Any], object] | None = None,
        **options: Unpack[Options],
    ) -> Result | list[Result]:
        """The result, or the list of results. `on_pass` is called after every pass with the draft, or the drafts."""
        batch = is_batch(prompt)
        for results in self._run(prompt, spec, every_pass=on_pass is not None, **options):
            if on_pass is not None:
                on_pass(results if batch else results[0])
        return results if batch else results[0]

    @overload
    def stream(self, prompt: Prompt, spec: Any = None, **options: Unpack[Options]) -> Iterator[Result]: ...
    @overload
    def stream(self, prompt: Batch, spec: Any = None, **options: Unpack[Options]) -> Iterator[list[Result]]: ...
    def stream(
        self, prompt: Prompt | Batch, spec: Any = None, **options: Unpack[Options]
    ) -> Iterator[Result] | Iterator[list[Result]]:
        """The draft, or the drafts, after every pass: valid from the first on, and the last is the result."""
        runs = self._run(prompt, spec, every_pass=True, **options)
        return runs if is_batch(prompt) else (results[0] for results in runs)

    @overload
    def choose(self, prompt: Prompt, options: Any, *, max_passes: int = 1, seed: int | None = 0) -> Ranking: ...
    @overload
    def choose(self, prompt: Batch, options: Any, *, max_passes: int = 1, seed: int | None = 0) -> list[Ranking]: ...
    def choose(
        self, prompt: Prompt | Batch, options: Any, *, max_passes: int = 1, seed: int | None = 0
    ) -> Ranking | list[Ranking]:
        """The probability of each option, or those for each prompt: the exact posterior of the pass that decides.

        `options` are strings, bare, or a `Choice`, a Literal or an enumeration (as JSON); each fits a canvas. Like all
        that a pass predicts, the probabilities are of the checkpoint's temperature in it, and of the seed's noise.
        """
        check_counts(max_passes=max_passes)
        alternatives = Alternatives.of(options, self.vocabulary)
        if not is_batch(prompt):
            return self._rank([self._choice_row(cast(Prompt, prompt), alternatives)], alternatives, max_passes, seed)[0]
        rows: list[Row | ConstrainError] = []
        for each in prompt:
            try:
                rows.append(self._choice_row(each, alternatives))
            except ConstrainError as error:
                rows.append(error)
        ranked = iter(self._rank([row for row in rows if isinstance(row, Row)], alternatives, max_passes, seed))
        return [next(ranked) if isinstance(row, Row) else Ranking(error=row) for row in rows]

    def _choice_row(self, prompt: Prompt, alternatives: Alternatives) -> Row:
        row = self._row(self._ids(prompt), alternatives.whole, None)
        alternatives.check_fit(min(row.budget, self.length))
        return row

    def _rank(
        self, rows: Sequence[Row], alternatives: Alternatives, max_passes: int, seed: int | None
    ) -> list[Ranking]:
        if not rows:
            return []
        return rank(
            self._denoiser(rows),
            alternatives,
            [row.budget for row in rows],
            max_passes=max_passes,
            stop=self.settings.stop_rule(certain=CERTAIN),
            generator=self._generator(seed),
        )

    def _run(
        self,
        prompt: Prompt | Batch,
        spec: Any,
        *,
        every_pass: bool,
        max_passes: int | None = None,
        max_new_tokens: int | None = None,
        max_redecoded: int | None = None,
        seed: int | None = 0,
        solver_time: float = SOLVER_TIME,
        thinking: bool | int = False,
        stop: StopRule | None = None,
        trace: bool = False,
        progress: bool = False,
    ) -> Iterator[list[Result]]:
        """Check everything at once; then yield the drafts after every pass, or the results alone."""
        check_counts(max_new_tokens=max_new_tokens, thinking=thinking or None)
        passes = self.settings.max_passes if max_passes is None else max_passes
        limits = Limits.of(max_passes=passes, max_redecoded=max_redecoded, solver_time=solver_time)
        prompts: list[Any] = list(prompt) if is_batch(prompt) else [prompt]
        specs = spec if is_batch(prompt) and isinstance(spec, list) else [spec] * len(prompts)
        if len(specs) != len(prompts):
            raise SpecError(f"{len(prompts)} prompts, but {len(specs)} specs", hint="give one for each, or one for all")
        rows = started(self._rows(prompts, specs, max_new_tokens, thinking), limits, self.network.device)
        if not is_batch(prompt) and isinstance(rows[0], ConstrainError):
            raise rows[0]
        runs = self._decode(rows, limits, seed, stop, every_pass=every_pass, trace=trace, progress=progress)
        return runs if is_batch(prompt) else _raising(runs)

    def _rows(
        self, prompts: Sequence[Prompt], specs: Sequence[Any], max_new_tokens: int | None, thinking: bool | int
    ) -> list[Row | ConstrainError]:
        """What can run, and of the others why not. If it takes long to find out, all prompts are read meanwhile."""
        ids = [tried(self._ids, prompt, bool(thinking)) for prompt in prompts]
        read = [each for each in ids if not isinstance(each, ConstrainError)]

        def compiled() -> list[Row | ConstrainError]:
            each = zip(ids, specs, strict=True)
            return [
                ids if isinstance(ids, ConstrainError) else tried(self._row, ids, spec, max_new_tokens, thinking)
                for ids, spec in each
            ]

        if not read or not self._reads_ahead(specs):
            return compiled()
        rows, denoiser = meanwhile(compiled, lambda: self._read([Row(each, None, 1) for each in read]))
        if denoiser is None:
            return rows
        ahead = Ahead(read, denoiser)
        return [replace(row, ahead=ahead) if isinstance(row, Row) else row for row in rows]

    def _reads_ahead(self, specs: Sequence[Any]) -> bool:
        """Whether there is something to compile, something to read before the first pass, and but one group of rows."""
        apart = any(spec is None or isinstance(spec, Puzzle | Infill) for spec in specs)
        return self.family.masked is None and not apart and not all(isinstance(spec, Constraint) for spec in specs)

    def _ids(self, prompt: Prompt, thinking: bool = False) -> list[int]:
        return prompt_ids(self.tokenizer, prompt, size=self.vocabulary.size, thinking=thinking)

    def _row(self, ids: list[int], spec: Any, max_new_tokens: int | None, thinking: bool | int = False) -> Row:
        given: tuple[int, ...] = ()
        if isinstance(spec, Infill):
            mask = None if self.family.masked is None else self.family.masked.mask
            given = spec.tokens(self.tokenizer, self.vocabulary, mask=mask, length=self.length)
            inner = None if spec.spec is None else self._constraint(spec.spec)
            spec = spec.constraint(inner, given, self.vocabulary, self.length)
        constraint = None if spec is None else self._constraint(spec)
        allowed, thought = max_new_tokens, self.settings.max_new_tokens if thinking is True else int(thinking)
        if allowed is None:
            allowed = self._default_budget(constraint) + thought
            room = self.family.room(len(ids))
            allowed = allowed if room is None else min(allowed, room)
        self.family.check_room(len(ids), allowed)
        check_budget(constraint, allowed)
        if thinking:
            if isinstance(constraint, PuzzleConstraint):
                raise UnsupportedError("a puzzle leaves no room for a thought before it", hint="leave thinking= out")
            constraint = framed(constraint, self.channel, None if thinking is True and spec is None else thought)
        return Row(ids, constraint, allowed, bool(thinking), given=given)

    def _constraint(self, spec: Any) -> Constraint | PuzzleConstraint:
        if isinstance(spec, Puzzle):
            return PuzzleConstraint.of(spec, self.vocabulary)
        if not isinstance(spec, Constraint):
            return compile(spec, self.vocabulary)
        if spec.vocabulary != self.vocabulary:
            raise VocabularyError(
                "this constraint was compiled for another vocabulary",
                hint="compile it for this model: constrain.compile(spec, model.vocabulary)",
            )
        return PuzzleConstraint.of(spec.spec, self.vocabulary) if isinstance(spec.spec, Puzzle) else spec

    def _default_budget(self, constraint: Constraint | PuzzleConstraint | None) -> int:
        usual = self.settings.max_new_tokens
        if constraint is None:
            return usual
        if isinstance(constraint, PuzzleConstraint):
            return max(constraint.shortest, 1)
        wanted = max(usual, constraint.shortest) if constraint.longest is None else max(constraint.longest, 1)
        return min(wanted, max(usual, MAX_CANVASES * self.length))

    def _decode(
        self,
        rows: list[Row | ConstrainError],
        limits: Limits,
        seed: int | None,
        stop: StopRule | None,
        *,
        every_pass: bool,
        trace: bool,
        progress: bool,
    ) -> Iterator[list[Result]]:
        """Decode group after group (see `grouped`); yield one result per row, however far it is."""
        results = [waiting(row) for row in rows]
        groups = list(grouped(rows))
        device, ends = self.network.device, self.settings.end_of_turn
        reader = Reader(self.vocabulary, self.tokenizer, self.channel, ends)
        with progress_bar(len(rows), shown=progress) as bar:
            bar.update(len(rows) - sum(map(len, groups)))
            for group in groups:
                members = list(group.values())
                constraints = constraints_of(members, limits, ends, device)
                tracer = Tracer(constraints, len(members), ends, reader.spell) if trace else None
                is_free = members[0].constraint is None
                denoiser, seen = self._seams(members, tracer or constraints)
                drafts = decode(
                    denoiser,
                    seen,
                    max_new_tokens=max(row.budget for row in members),
                    max_passes=limits.max_passes,
                    stop=stop or self._usual_stop(is_free),
                    generator=self._generator(seed),
                    every_pass=every_pass or trace,
                )
                for draft in counted(drafts, bar, [row.budget for row in members], ends):
                    traces = None if tracer is None else tracer.record(draft)
                    if every_pass:
                        yield (results := reader.read(results, group, constraints, draft, traces))
                if not every_pass:
                    results = reader.read(results, group, constraints, draft, traces)
        if not (groups and every_pass):
            yield results

    def _usual_stop(self, is_free: bool) -> StopRule:
        settings = self.settings
        return settings.stop_rule() if is_free else settings.stop_rule(certain=CERTAIN, likely=LIKELY)

    def _seams(self, rows: Sequence[Row], constraints: Constraints) -> tuple[Denoiser, Constraints]:
        """What the loop refines with; another way of decoding replaces them."""
        return self._denoiser(rows), constraints

    def _denoiser(self, rows: Sequence[Row]) -> Denoiser:
        ahead = rows[0].ahead
        denoiser = None if ahead is None else ahead.of([row.ids for row in rows])
        return self._read(rows) if denoiser is None else denoiser

    def _read(self, rows: Sequence[Row]) -> Denoiser:
        device = self.network.device
        width = max(len(row.ids) for row in rows)
        pads = [width - len(row.ids) for row in rows]
        ids = [[self._pad] * pad + row.ids for row, pad in zip(rows, pads, strict=True)]
        mask = torch.arange(width) >= torch.tensor(pads)[:, None]
        given = given_tensor(rows, self.length, device)
        return self.family.denoiser(
            self.network, torch.tensor(ids, device=device), mask.to(device), self.settings, given
        )

    def _generator(self, seed: int | None) -> torch.Generator:
        generator = torch.Generator(self.network.device)
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        return generator


def _raising(runs: Iterator[list[Result]]) -> Iterator[list[Result]]:
    """What is yielded, for a single prompt; if the last of it has an error, that is raised."""
    for results in runs:
        yield results
    if results[0].error is not None:
        raise results[0].error


def from_transformers(network: Any, tokenizer: Any, *, family: MaskedDiffusion | None = None) -> Model:
    """The model around a loaded network of transformers and its fast tokenizer.

    It is a `DiffusionGemmaForBlockDiffusion`, LLaDA, Dream, LLaDA2, or of a class of `AutoModelForMaskedLM`; any other
    that predicts masked tokens needs a `family`, which for these replaces what is known of them.
    """
    return Model(network, tokenizer, family=family)


def load(name_or_path: str | None = None, *, family: MaskedDiffusion | None = None, **kwargs: Any) -> Model:
    """The model of a checkpoint: a name on the hub, a directory, or, by default, the small one that comes with this
    package, which runs on a CPU and needs no network.

    `family` is as in `from_transformers`. `kwargs` go to transformers' `from_pretrained` (`device_map=`, `dtype=`,
    `revision=`, ...). Raises `UnsupportedError` for another model family, before any weights are read.
    """
    from transformers import AutoConfig, AutoTokenizer

    path = str(files("constrain") / "engine" / "bundled") if name_or_path is None else name_or_path
    hub = {name: kwargs[name] for name in _HUB_OPTIONS if name in kwargs}
    loader = loader_of(AutoConfig.from_pretrained(path, **hub), family)
    tokenizer = AutoTokenizer.from_pretrained(path, **hub)
    return Model(loader.from_pretrained(path, **kwargs), tokenizer, family=family)
