"""The loop itself, on scripted models: who stops when, what is frozen, what is carried from canvas to canvas."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from constrain.engine.refine import Draft, decode, refine
from constrain.engine.stopping import StopRule
from tests.engine.scripted import PAD, ScriptedConstraints, ScriptedDenoiser

NEVER = StopRule(certain=None, confidence=None)
LENGTH, VOCAB = 4, 30


def saying(*tokens: Sequence[int]) -> list[Tensor]:
    """A script of logits: pass n's best canvas repeats `tokens[n][b]` in row b."""
    return [torch.eye(VOCAB)[torch.tensor(row)][:, None].expand(-1, LENGTH, -1) for row in tokens]


def run_canvas(denoiser: ScriptedDenoiser, forced: Sequence[Sequence[bool]], *, max_passes: int) -> list[Draft]:
    valid = ScriptedConstraints(forced)
    return list(refine(denoiser, valid, max_passes=max_passes, stop=NEVER, generator=torch.Generator()))


def run_all(
    denoiser: ScriptedDenoiser, constraints: ScriptedConstraints, *, max_new_tokens: int, max_passes: int = 1
) -> list[Draft]:
    return list(
        decode(
            denoiser,
            constraints,
            max_new_tokens=max_new_tokens,
            max_passes=max_passes,
            stop=NEVER,
            generator=torch.Generator(),
        )
    )


def said(draft: Draft) -> list[list[int]]:
    """The token that each row repeats, canvas by canvas."""
    return draft.tokens[:, ::LENGTH].tolist()


def test_every_pass_yields_its_best_canvas_and_the_last_is_stopped_by_the_budget() -> None:
    denoiser = ScriptedDenoiser(saying([1], [2], [3]))
    drafts = run_canvas(denoiser, [[False]] * 3, max_passes=3)
    assert [said(draft) for draft in drafts] == [[[1]], [[2]], [[3]]]
    assert [draft.reasons for draft in drafts] == [(None,), (None,), ("budget",)]
    assert [draft.passes for draft in drafts] == [(1,), (2,), (3,)]
    assert denoiser.steps == [(0, 3), (1, 3), (2, 3)]


def test_one_pass_is_enough_for_an_answer() -> None:
    (draft,) = run_canvas(ScriptedDenoiser(saying([7])), [[False]], max_passes=1)
    assert (said(draft), draft.reasons, draft.passes) == ([[7]], ("budget",), (1,))


def test_the_first_pass_has_no_belief_and_later_ones_that_of_the_pass_before() -> None:
    denoiser = ScriptedDenoiser(saying([1], [2], [3]))
    run_canvas(denoiser, [[False]] * 3, max_passes=3)
    first, *later = [belief for _, belief in denoiser.seen]
    assert first is None
    assert all(belief is script for belief, script in zip(later, denoiser.script, strict=False))


def test_a_stopped_row_keeps_its_answer_while_the_others_go_on() -> None:
    denoiser = ScriptedDenoiser(saying([1, 1], [2, 2], [3, 3], [4, 4]))
    drafts = run_canvas(denoiser, [[False, False], [True, False], [False, False], [False, True]], max_passes=9)
    assert [said(draft) for draft in drafts] == [[[1], [1]], [[2], [2]], [[2], [3]], [[2], [4]]]
    assert drafts[-1].reasons == ("forced", "forced")
    assert drafts[-1].passes == (2, 4)


def test_a_stopped_row_is_shown_the_same_canvas_and_belief_ever_after() -> None:
    denoiser = ScriptedDenoiser(saying([1, 1], [2, 2], [3, 3], [4, 4], [5, 5]))
    run_canvas(denoiser, [[False, False], [True, False], *[[False, False]] * 3], max_passes=5)
    canvases = [canvas[:, 0].tolist() for canvas, _ in denoiser.seen]
    beliefs = [belief[:, 0].argmax(-1).tolist() for _, belief in denoiser.seen if belief is not None]
    assert canvases == [[101, 101], [102, 102], [103, 103], [103, 104], [103, 105]]
    assert beliefs == [[1, 1], [2, 2], [2, 3], [2, 4]]


def test_the_loop_ends_with_its_last_row() -> None:
    denoiser = ScriptedDenoiser(saying([1, 1], [2, 2], [3, 3]))
    run_canvas(denoiser, [[True, False], [False, True], [False, False]], max_passes=3)
    assert len(denoiser.seen) == 2


def test_each_canvas_is_told_how_many_tokens_are_left() -> None:
    constraints = ScriptedConstraints([[False]] * 3, complete=[[False]] * 3)
    run_all(ScriptedDenoiser(saying([1], [2], [3])), constraints, max_new_tokens=10)
    assert constraints.budgets == [10, 6, 2]


def test_drafts_of_a_later_canvas_begin_with_the_settled_ones() -> None:
    constraints = ScriptedConstraints([[False]] * 4, complete=[[False], [True]])
    drafts = run_all(ScriptedDenoiser(saying([1], [2], [3], [4])), constraints, max_new_tokens=8, max_passes=2)
    assert [said(draft) for draft in drafts] == [[[1]], [[2]], [[2, 3]], [[2, 4]]]
    assert [draft.passes for draft in drafts] == [(1,), (2,), (3,), (4,)]
    assert [draft.canvases for draft in drafts] == [(1,), (1,), (2,), (2,)]


def test_a_complete_row_takes_no_part_in_later_canvases() -> None:
    denoiser = ScriptedDenoiser(saying([1, 5], [2, 6], [3, 7]))
    forced = [[False, False], [True, False], [True, True]]
    constraints = ScriptedConstraints(forced, complete=[[True, False], [True, False], [True, True]])
    *_, last = run_all(denoiser, constraints, max_new_tokens=3 * LENGTH)
    assert said(last) == [[1, PAD, PAD], [5, 6, 7]]
    assert last.passes == (1, 3)
    assert last.canvases == (1, 3)
    assert last.reasons == ("budget", "forced")
    assert last.log_z.tolist() == [-1.0, -3.0]
    assert last.probability.tolist() == [0.5, 0.125]


def test_the_model_reads_closed_canvases_and_the_constraint_chosen_ones() -> None:
    denoiser = ScriptedDenoiser(saying([1, 5], [2, 6], [3, 7]))
    constraints = ScriptedConstraints([[False, False]] * 3, complete=[[True, False], [True, False], [True, True]])
    run_all(denoiser, constraints, max_new_tokens=3 * LENGTH)
    assert [tokens[:, 0].tolist() for tokens in denoiser.appended] == [[1, 5], [PAD, 6]]
    assert [tokens[:, 0].tolist() for tokens in constraints.committed] == [[1, 5], [2, 6], [3, 7]]


def test_decoding_ends_when_every_row_is_complete() -> None:
    denoiser = ScriptedDenoiser(saying([1, 1], [2, 2], [3, 3]))
    constraints = ScriptedConstraints([[False, False]] * 3, complete=[[True, False], [False, True]])
    drafts = run_all(denoiser, constraints, max_new_tokens=9 * LENGTH)
    assert len(drafts) == 2
    assert len(denoiser.appended) == 1


def test_a_known_canvas_takes_no_pass_and_is_read_only_before_one_that_is_not() -> None:
    class Known(ScriptedConstraints):
        """Two canvases that are known, then one that is not, then one that is."""

        def canvas(self, length: int, budget: int) -> ScriptedConstraints:
            canvas = super().canvas(length, budget)
            number = len(self.budgets)
            self.known = None if number == 3 else torch.full((2, LENGTH), 10 + number)
            return canvas

    denoiser = ScriptedDenoiser(saying([1, 5], [2, 6]))
    constraints = Known([[False, False]] * 2, complete=[[False, False]] * 3 + [[True, True]])
    drafts = run_all(denoiser, constraints, max_new_tokens=4 * LENGTH, max_passes=2)
    assert [draft.passes for draft in drafts] == [(0, 0), (0, 0), (1, 1), (2, 2), (2, 2)]
    assert said(drafts[-1]) == [[11, 12, 2, 14], [11, 12, 6, 14]]
    assert [draft.reasons[0] for draft in drafts] == ["forced", "forced", None, "budget", "forced"]
    assert [tokens[:, 0].tolist() for tokens in denoiser.appended] == [[11, 11], [12, 12]]
    assert drafts[-1].log_z.tolist() == [-1.0, -1.0]
    assert drafts[-1].probability.tolist() == [0.5, 0.5]
    assert denoiser.drawn == 101 + 2, "noise is drawn for passes alone"
