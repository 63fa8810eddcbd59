"""A recorded pass is the pass itself, in memory that stays: judged by the same passes computed one by one.

Without a GPU, what records is a stand-in that runs the work again and writes what it gives to where the first results
were, as a graph of launches does. Whatever reads memory that is not the recorded one then has old values, or none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from constrain.constraint import compile
from constrain.engine import launched
from constrain.engine import posterior as posterior_module
from constrain.engine.captured import Captured, CapturedCanvas, CapturedPosterior, Figures, obstacle
from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.launched import LaunchedPosterior
from constrain.engine.refine import Draft, refine
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenCanvas, TokenConstraints
from constrain.specs import JsonSchema, Regex
from constrain.vocabulary import Vocabulary
from tests.engine.test_posterior import constraint_of, problems, random_logits
from tests.models import tiny_model
from tests.oracles import BruteForce

TOKENS: list[bytes | None] = [b"a", b"b", None, b"ab"]
VOCABULARY = Vocabulary(TOKENS, [2])
FIGURES = ("log_z", "entropy", "doubt", "undecided", "forced", "errors", "redecoded", "solutions")
SETTINGS = Settings(4, None, 6, 0.4, 0.8, 0.1, 1, 0.005, (2,), None)


class Again:
    """Results are spoiled until they are replayed."""

    made = 0

    def __init__(self) -> None:
        Again.made += 1

    def record(self, work: Callable[[], Figures], generator: torch.Generator) -> Figures:
        state = generator.get_state()
        self._work, self._figures = work, work()
        generator.set_state(state)
        for each in self._figures:
            each.fill_(torch.nan if each.is_floating_point() else 1)
        return self._figures

    def replay(self) -> None:
        for place, value in zip(self._figures, self._work(), strict=True):
            place.copy_(value)


def captured(most: int = 2) -> Captured:
    return Captured(most, graph=Again, why=lambda *_: None)


def canvas_of(*patterns: str, length: int = 3) -> TokenCanvas:
    return TokenConstraints([compile(Regex(each), VOCABULARY) for each in patterns]).canvas(length, length)


def seeded(device: str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(5)


def logits_of(canvas: TokenCanvas, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    shape = len(canvas.lattices), canvas.lattices[0].length, len(TOKENS)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul_(3).to(dtype)


def everything(posterior: Any, generator: torch.Generator) -> list[Any]:
    """All figures of a pass, as the refine loop asks for them."""
    drawn = [posterior.sample(generator), posterior.map(), posterior.probability()]
    return [*drawn, *(getattr(posterior, name) for name in FIGURES), posterior.shape(inplace=True)]


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, Tensor):
            atol = 1e-5 if one.is_cuda and one.is_floating_point() else 0.0  # sums by atomics vary there
            torch.testing.assert_close(one, other, rtol=0, atol=atol, equal_nan=True)
        else:
            assert one == other


@pytest.mark.parametrize("device", ["cpu", *["cuda"] * torch.cuda.is_available()])
@given(problem=problems(), seeds=st.lists(st.integers(0, 2**31), min_size=2, max_size=4))
@settings(max_examples=40, deadline=None)
def test_replayed_passes_are_the_passes(device: str, problem: BruteForce, seeds: list[int]) -> None:
    canvas = TokenConstraints([constraint_of(problem)], device=device).canvas(problem.length, problem.budget)
    kept = captured() if device == "cpu" else Captured()
    mine, others, passes = seeded(device), seeded(device), []
    for seed in seeds:
        logits = random_logits(problem, seed).to(device)
        found = everything(CapturedPosterior(canvas, logits, kept), mine)
        assert torch.equal(logits.cpu(), random_logits(problem, seed)), "what is recorded is a copy"
        expected = everything(LaunchedPosterior(canvas, logits), others)
        assert_equal(found, expected)
        passes.append((found[:-1], expected[:-1]))
    for found, expected in passes:
        assert_equal(found, expected)  # later passes wrote elsewhere
    assert len(kept) == 1


def test_other_specs_and_shapes_are_recorded_anew_and_the_last_ones_are_kept() -> None:
    kept, generator = captured(), seeded()
    one, two, long = canvas_of("(a|b)*"), canvas_of("(ab)*"), canvas_of("(a|b)*", length=4)
    Again.made, seed = 0, 0
    steps = [
        (one, torch.float32, 1),
        (two, torch.float32, 2),
        (one, torch.float32, 2),
        (one, torch.float64, 3),  # the second canvas makes room
        (one, torch.float32, 3),
        (two, torch.float32, 4),
        (long, torch.float32, 5),
        (two, torch.float32, 5),
    ]
    for canvas, dtype, made in steps:
        logits, seed = logits_of(canvas, seed, dtype), seed + 1
        state = generator.get_state()
        found = everything(CapturedPosterior(canvas, logits, kept), generator)
        again = torch.Generator()
        again.set_state(state)
        assert_equal(found, everything(LaunchedPosterior(canvas, logits), again))
        assert Again.made == made
        assert len(kept) <= 2
    everything(CapturedPosterior(two, logits_of(two, 0), kept), seeded())
    assert Again.made == 6, "a graph knows its generator"


class Launched:
    """A canvas whose passes are launched one by one."""

    def __init__(self, canvas: TokenCanvas) -> None:
        self.canvas, self.known, self.settle = canvas, canvas.known, canvas.settle

    def posterior(self, logits: Tensor) -> LaunchedPosterior:
        return LaunchedPosterior(self.canvas, logits)


def test_the_loop_gives_the_same_drafts() -> None:
    network = tiny_model(vocab_size=4, canvas_length=4, sharpness=3.0)
    rule, canvas, kept = StopRule(certain=0.999, confidence=None), canvas_of("(a|b)*", "(ab)*a?", length=4), captured()

    def drafts(valid: Any) -> list[Draft]:
        ids = torch.ones((2, 1), dtype=torch.int64)
        denoiser = DiffusionGemma(network, ids, ids, SETTINGS)
        return list(refine(denoiser, valid, max_passes=6, stop=rule, generator=seeded()))

    found, expected = drafts(CapturedCanvas(canvas, kept)), drafts(Launched(canvas))
    assert len(found) == len(expected)
    assert (None, "certain") in [each.reasons for each in expected], "one row waits for the other"
    for one, other in zip(found, expected, strict=True):
        assert_equal([*vars(one).values()], [*vars(other).values()])
    assert len(kept) == 1


class Asked(TorchDispatchMode):
    """The operations that are called, but for those of the kernels' references, that a GPU does not run."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.masks = 0
        self._aside = False
        for module, name in ((launched, "class_reduce"), (launched, "sweep"), (posterior_module, "shape_logits")):
            patch.setattr(module, name, partial(self._apart, getattr(module, name)))

    def _apart(self, kernel: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        self._aside = True
        try:
            return kernel(*arguments, **options)
        finally:
            self._aside = False

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        if not self._aside:
            name = function.name().split("::")[1].split(".")[0]
            self.names.add(name)
            if name in ("index", "index_put_"):
                indices = [each for each in arguments[1] if isinstance(each, Tensor)]
                self.masks += any(each.dtype == torch.bool for each in indices)
        return function(*arguments, **options or {})


def test_a_pass_asks_nothing_of_the_host_once_the_tables_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a number of the device, nor where a mask holds, whose length would be one."""
    canvas, waiting = canvas_of("(a|b)*", "(ab)*a?"), {"_local_scalar_dense", "nonzero", "unique_consecutive"}
    passes = []
    for seed in range(2):
        with monkeypatch.context() as patch, Asked(patch) as asked:
            Figures.of(LaunchedPosterior(canvas, logits_of(canvas, seed)), seeded())
        passes.append(asked)
    assert waiting <= passes[0].names, "building the tables waits"
    assert "stack" in passes[1].names
    assert not passes[1].names & {*waiting, "_unique2", "masked_select", "is_nonzero", "equal"}
    assert not passes[1].masks


def test_what_is_asked_before_the_draw_is_not_replayed() -> None:
    canvas, kept = canvas_of("(a|b)*"), captured()
    logits = logits_of(canvas, 0)
    posterior, plain = CapturedPosterior(canvas, logits.clone(), kept), LaunchedPosterior(canvas, logits.clone())
    assert torch.equal(posterior.log_z, plain.log_z)
    assert_equal(everything(posterior, seeded()), everything(plain, seeded()))
    assert len(kept) == 0


def test_a_second_draw_is_another_and_shaped_logits_can_be_had_apart() -> None:
    canvas, kept, generator = canvas_of("(a|b)*"), captured(), seeded()
    posterior = CapturedPosterior(canvas, logits_of(canvas, 0), kept)
    draws = {tuple(posterior.sample(generator)[0].tolist()) for _ in range(30)}
    assert len(draws) > 1
    apart, inside = posterior.shape(), posterior.shape(inplace=True)
    assert torch.equal(apart, inside)
    assert apart.data_ptr() != inside.data_ptr()


@pytest.mark.parametrize(
    ("why", "spec", "settled"),
    [
        ("the host computes it: launching takes a GPU, and Triton", Regex("a*"), False),
        ("tokens are settled from pass to pass", Regex("a*"), True),
        ("a residual check reads the text", JsonSchema({"type": "array", "uniqueItems": True}), False),
    ],
)
def test_what_cannot_be_recorded_is_named_and_computed_as_ever(why: str, spec: Any, settled: bool) -> None:
    vocabulary = Vocabulary([*(bytes([byte]) for byte in range(128)), None], [128])
    canvas = TokenConstraints([compile(spec, vocabulary)]).canvas(4, 4)
    if settled:
        canvas.settle(torch.full((1, 4), -1))
    logits, kept = torch.randn(1, 4, 129), Captured()
    assert obstacle(canvas, logits) == why
    posterior = CapturedCanvas(canvas, kept).posterior(logits.clone())
    assert_equal(everything(posterior, seeded()), everything(canvas.posterior(logits.clone()), seeded()))
    assert len(kept) == 0
