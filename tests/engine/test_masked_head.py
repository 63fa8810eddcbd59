"""Leaving out logits that do not count changes no result: the loop, with and without it, on random DiffusionGemmas."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import pytest
import torch

from constrain.constraint import compile
from constrain.engine.choosing import Alternatives, rank
from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.masked_canvas import masked, needs
from constrain.engine.masked_head import Mask, MaskedHead
from constrain.engine.narrowing import Narrowed
from constrain.engine.refine import Draft, decode
from constrain.engine.relational import RelationalConstraints
from constrain.engine.seams import Constraints, Denoiser
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.engine.windows import PuzzleConstraint
from constrain.puzzle import Puzzle
from constrain.relations import NotEqual
from constrain.replies import FreeText
from constrain.spec import Spec
from constrain.specs import Choice, Regex
from constrain.sudoku import Sudoku
from constrain.vocabulary import Vocabulary
from tests.bench.head import Whole
from tests.models import tiny_model

CANVAS = 40
END = 1
WORDS = ("spam", "ham", "ma", "egg", "sp", "the ", "0.", "yes", "no")
TEXTS = ["\n", *map(chr, range(0x20, 0x7F)), *WORDS]
VOCABULARY = Vocabulary([None, None, *(text.encode() for text in TEXTS), *[None] * 60], [END])
ID = {text: i for i, text in enumerate(TEXTS, 2)}
NEVER = StopRule(certain=None, confidence=None)

LABELS = Choice(["spam", "ham", "eggs"])
DIGITS = Regex("[0-9]{90}")
SHORT = Sudoku([[1, None, None, None], *[[None] * 4] * 3])  # 19 tokens
NAMES = [f"v{n}" for n in range(90)]
LONG = Puzzle(
    "".join(f"{{{name}}}" for name in NAMES),
    dict.fromkeys(NAMES, range(3)),
    [NotEqual(before, after) for before, after in pairwise(NAMES)],
)
BITS = Regex("[01]{40}|[01]{64}")


def network(seed: int = 0, **options: Any) -> Any:
    options = {"sharpness": 8.0, "pad_token_id": 0, "eos_token_id": END} | options
    return tiny_model(vocab_size=VOCABULARY.size, canvas_length=CANVAS, seed=seed, **options)


def denoiser_of(model: Any, rows: int = 1) -> DiffusionGemma:
    ids = torch.randint(2, 90, (rows, 5), generator=torch.Generator().manual_seed(3))
    return DiffusionGemma(model, ids, torch.ones_like(ids), Settings.of(model))


def constraints_of(specs: Sequence[Spec]) -> Constraints:
    puzzles = [PuzzleConstraint.of(spec, VOCABULARY) for spec in specs if isinstance(spec, Puzzle)]
    if puzzles:
        found = [left for left in RelationalConstraints.start(puzzles) if isinstance(left, Narrowed)]
        return RelationalConstraints(puzzles, found)
    return TokenConstraints([compile(spec, VOCABULARY) for spec in specs])


def run(
    denoiser: Denoiser,
    constraints: Constraints,
    *,
    seed: int = 0,
    passes: int = 3,
    stop: StopRule = NEVER,
    every_pass: bool = True,
) -> list[Draft]:
    return list(
        decode(
            denoiser,
            constraints,
            max_new_tokens=100,
            max_passes=passes,
            stop=stop,
            generator=torch.Generator().manual_seed(seed),
            every_pass=every_pass,
        )
    )


def assert_same(drafts: Sequence[Draft], expected: Sequence[Draft], tolerance: float = 1e-5) -> None:
    assert len(drafts) == len(expected)
    for ours, theirs in zip(drafts, expected, strict=True):
        assert torch.equal(ours.tokens, theirs.tokens)
        assert (ours.reasons, ours.passes, ours.canvases) == (theirs.reasons, theirs.passes, theirs.canvases)
        torch.testing.assert_close(ours.log_z, theirs.log_z, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(ours.probability, theirs.probability, rtol=100 * tolerance, atol=1e-9)
        for mine, yours in zip(ours.solutions, theirs.solutions, strict=True):
            assert [each.values for each in mine] == [each.values for each in yours]
            assert [each.score for each in mine] == pytest.approx([each.score for each in yours], rel=1e-5, abs=500)
            assert [each.bound for each in mine] == pytest.approx([each.bound for each in yours], rel=1e-5, abs=500)


def assert_masking_changes_nothing(
    model: Any, specs: Sequence[Spec], tolerance: float = 1e-5, **options: Any
) -> list[Draft]:
    drafts = run(denoiser_of(model, len(specs)), constraints_of(specs), **options)
    assert_same(drafts, run(Whole(denoiser_of(model, len(specs))), constraints_of(specs), **options), tolerance)
    return drafts


def mask_of(specs: Sequence[Spec]) -> Mask | None:
    return needs(cast(Any, constraints_of(specs).canvas(CANVAS, 600)))


def tokens_of(mask: Mask | None) -> list[int]:
    assert mask is not None
    assert mask.tokens is not None
    return mask.tokens.tolist()


def test_what_may_stand_on_a_canvas_that_no_row_can_end_on_is_all_that_counts() -> None:
    assert tokens_of(mask_of([DIGITS])) == [ID[digit] for digit in "0123456789"]
    assert tokens_of(mask_of([BITS, Regex("[ab5]{50}")])) == sorted(ID[text] for text in "01ab5")


def test_where_a_row_can_end_the_positions_of_text_and_its_end_count() -> None:
    mask = mask_of([LABELS])
    assert mask is not None
    assert (mask.positions, mask.tokens) == (5, None)
    mask = mask_of([LABELS, Regex("[0-9]{12}")])
    assert mask is not None
    assert (mask.positions, mask.tokens) == (13, None)


@pytest.mark.parametrize("specs", [[FreeText()], [LABELS, FreeText()], [DIGITS, FreeText()], [DIGITS, LABELS]])
def test_everything_counts_where_a_row_is_free_or_one_ends_and_another_goes_on(specs: list[Spec]) -> None:
    assert mask_of(specs) is None


@pytest.mark.parametrize("specs", [[DIGITS, LABELS], [LONG, SHORT]])
def test_everything_counts_behind_a_row_that_is_complete(specs: list[Spec]) -> None:
    """Its draws there decide which random numbers are left for the others."""
    constraints = constraints_of(specs)
    tokens = constraints.canvas(CANVAS, 600).posterior(torch.zeros(2, CANVAS, VOCABULARY.size)).map()
    assert constraints.commit(tokens).tolist() == [False, True]
    assert needs(cast(Any, constraints.canvas(CANVAS, 600 - CANVAS))) is None


def test_everything_counts_where_most_of_the_vocabulary_may_stand() -> None:
    assert mask_of([Regex("[ -~]{600}")]) is None


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_and_their_way_back_are_those_of_the_network(tied: bool, dtype: torch.dtype) -> None:
    model = network().to(dtype)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().flip(0))
    denoiser = denoiser_of(model)
    tokens = torch.tensor(sorted(ID[text] for text in "0123456789"))
    head = denoiser.masked(Mask(CANVAS, tokens))
    assert head is not None
    canvas = denoiser.noise(torch.Generator().manual_seed(1))
    belief = torch.randn(1, CANVAS, len(tokens), generator=torch.Generator().manual_seed(2))
    wide = torch.full((1, CANVAS, VOCABULARY.size), -torch.inf).index_copy(2, tokens, belief)
    tolerance: Any = {"rtol": 1e-5, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 0.1, "atol": 0.1}
    with torch.no_grad():
        expected, first = denoiser(canvas, wide, 1, 4), denoiser(canvas, None, 1, 4)
        assert not torch.allclose(expected[..., tokens], first[..., tokens], **tolerance), "the belief says nothing"
        torch.testing.assert_close(head(canvas, belief, 1, 4), expected[..., tokens], **tolerance)
        torch.testing.assert_close(head.normalizer(1, 4), expected.logsumexp(-1), **tolerance)
        torch.testing.assert_close(head(canvas, None, 1, 4), first[..., tokens], **tolerance)
        part = denoiser.masked(Mask(5))
        assert part is not None
        torch.testing.assert_close(part(canvas, wide, 1, 4), expected[:, :5], **tolerance)
        assert torch.equal(part.whole(1, 4), expected)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("specs", [[DIGITS], [DIGITS, BITS], [BITS, BITS, Regex("[x-z]{43,85}")]])
def test_outputs_longer_than_a_canvas(specs: list[Spec], seed: int) -> None:
    *_, last = assert_masking_changes_nothing(network(seed), specs, seed=seed)
    assert max(last.canvases) > 1


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("specs", [[LABELS], [LABELS, Choice(["yes", "no"])], [DIGITS, LABELS], [LABELS, FreeText()]])
def test_labels(specs: list[Spec], seed: int) -> None:
    assert_masking_changes_nothing(network(seed, sharpness=1.0), specs, seed=seed)


@pytest.mark.parametrize(
    ("specs", "sharpness", "stop"),
    [
        ([LABELS] * 4, 1.0, StopRule(certain=0.9, confidence=None)),
        ([LABELS] * 4, 1.0, StopRule(certain=None, confidence=0.2)),
        ([DIGITS] * 4, 20.0, StopRule(certain=0.9, confidence=None)),
        ([BITS, Regex("[01]{43}")] * 2, 20.0, StopRule(certain=0.99, confidence=None)),
    ],
)
def test_rows_that_stop_at_different_passes(specs: list[Spec], sharpness: float, stop: StopRule) -> None:
    tolerance = 1e-5 * sharpness  # which magnifies, pass by pass, what the order of a sum leaves open
    drafts = assert_masking_changes_nothing(network(1, sharpness=sharpness), specs, tolerance, passes=12, stop=stop)
    assert any(None in draft.reasons and any(draft.reasons) for draft in drafts)


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("specs", [[SHORT], [LONG, LONG], [LONG, SHORT]])
def test_puzzles(specs: list[Spec], passes: int) -> None:
    drafts = assert_masking_changes_nothing(network(), specs, passes=passes)
    assert any(draft.solutions[0] for draft in drafts)
    assert len(drafts[-1].solutions[0]) == drafts[-1].canvases[0]


def test_symbols_of_a_puzzle_that_fills_its_canvas_are_all_that_counts() -> None:
    assert tokens_of(mask_of([LONG, LONG])) == [ID[digit] for digit in "012"]
    assert mask_of([LONG, SHORT]) is None
    mask = mask_of([SHORT])
    assert mask is not None
    assert (mask.positions, mask.tokens) == (20, None)


@pytest.mark.parametrize("specs", [[DIGITS], [LABELS], [LONG]])
def test_a_model_that_says_nothing_at_all(specs: list[Spec]) -> None:
    model = network()
    model.model.decoder.norm.weight.data.fill_(torch.nan)
    assert_masking_changes_nothing(model, specs)


def test_one_pass_leaves_out_even_a_short_tail() -> None:
    specs = [Regex("[0-9]{25}")]
    assert_masking_changes_nothing(network(), specs, passes=1)
    assert known_passes(specs) == [False, True]


def test_where_text_is_short_a_long_tail_is_left_out_of_every_pass() -> None:
    assert known_passes([LABELS]) == [True, True]
    assert known_passes([Choice(["spams", "ham"])]) == [False, True]


def known_passes(specs: Sequence[Spec]) -> list[bool]:
    """Whether each of two passes begins with less than all logits."""
    denoiser = denoiser_of(network(), len(specs))
    part = masked(denoiser, constraints_of(specs).canvas(CANVAS, 100), 2)
    assert part is not None
    noise = denoiser.noise(torch.Generator())
    with torch.no_grad():
        return [part.posterior(noise, None, step) is not None for step in range(2)]


@pytest.mark.parametrize("passes", [1, 2])
def test_options_are_ranked_alike(passes: int) -> None:
    model, alternatives = network(), Alternatives.of(["spam", "ham", "eggs"], VOCABULARY)
    ours, theirs = (
        rank(
            denoiser,
            alternatives,
            [100, 100],
            max_passes=passes,
            stop=NEVER,
            generator=torch.Generator().manual_seed(0),
        )
        for denoiser in (denoiser_of(model, 2), Whole(denoiser_of(model, 2)))
    )
    for mine, yours in zip(ours, theirs, strict=True):
        assert dict(mine) == pytest.approx(dict(yours), rel=1e-5)
        assert mine.log_z == pytest.approx(yours.log_z, rel=1e-5)
        assert mine.passes == yours.passes == passes


def test_log_z_is_known_for_the_passes_that_are_asked_for() -> None:
    model, specs = network(), [DIGITS, BITS]
    drafts = run(denoiser_of(model, 2), constraints_of(specs), every_pass=False)
    every = run(Whole(denoiser_of(model, 2)), constraints_of(specs))
    known = [~draft.log_z.isnan() for draft in drafts]
    for draft, whole, mask in zip(drafts, every, known, strict=True):
        torch.testing.assert_close(draft.log_z[mask], whole.log_z[mask], rtol=1e-5, atol=1e-5)
        assert mask[torch.tensor([reason is not None for reason in draft.reasons])].all()
    assert known[-1].all()
    assert not known[0].any()


def test_log_z_of_independent_digits_is_a_sum_over_positions() -> None:
    denoiser, canvas = denoiser_of(network(sharpness=20.0)), constraints_of([DIGITS]).canvas(CANVAS, 100)
    noise = denoiser.noise(torch.Generator().manual_seed(0))
    part = masked(denoiser, canvas, 3)
    assert part is not None
    with torch.no_grad():
        posterior = part.posterior(noise, None, 0)
        assert posterior is not None
        log_p = denoiser(noise, None, 0, 3).double().log_softmax(-1)
    expected = log_p[..., [ID[digit] for digit in "0123456789"]].logsumexp(-1).sum()
    assert posterior.log_z.item() == pytest.approx(expected.item(), rel=1e-6)


def test_entropy_is_that_of_the_whole_as_far_as_text_goes() -> None:
    model = network()
    for specs, reach in ([DIGITS], CANVAS), ([LABELS], 5):
        ours = run(denoiser_of(model), constraints_of(specs), passes=1)[0].entropy
        whole = run(Whole(denoiser_of(model)), constraints_of(specs), passes=1)[0].entropy
        torch.testing.assert_close(ours[:, :reach], whole[:, :reach], rtol=1e-4, atol=1e-5)
        assert not ours[:, reach:].any()


def test_a_network_that_does_not_run_its_own_forward_computes_everything() -> None:
    model = network()
    assert MaskedHead.fits(model)
    model.lm_head.forward = (
        model.lm_head.forward
    )  # as modules are wrapped whose weights are fetched when they are called
    assert not MaskedHead.fits(model)
    assert denoiser_of(model).masked(Mask(5)) is None
    assert_masking_changes_nothing(model, [LABELS])


def test_the_network_is_left_as_it_was() -> None:
    model = network()
    before = {name: id(module) for name, module in model.named_modules()}
    run(denoiser_of(model), constraints_of([DIGITS]))
    assert {name: id(module) for name, module in model.named_modules()} == before
