"""Propagation equals singles found by hand, set by set; the kernel, interpreted, equals the reference bit by bit."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from constrain.kernels.propagate import propagate, propagate_reference

ROOT = Path(__file__).parent.parent.parent

Puzzle: TypeAlias = "tuple[list[set[int]], list[list[int]], list[set[int]]]"
"""Domains by variable, variables by group, required values by group."""


def by_hand(puzzle: Puzzle, order: random.Random) -> list[set[int]]:
    """One variable of one group after the other, in any order, until nothing changes."""
    domains, groups, required = [set(domain) for domain in puzzle[0]], puzzle[1], puzzle[2]
    steps = [(g, x) for g, group in enumerate(groups) for x in group]
    changed = True
    while changed:
        changed = False
        order.shuffle(steps)
        for g, x in steps:
            others = [domains[y] for y in groups[g] if y != x]
            left = domains[x] - {v for domain in others if len(domain) == 1 for v in domain}
            for v in required[g]:
                if not any(v in domain for domain in others):
                    left = left & {v}
            if any(not domain for domain in others):
                left = set()
            changed |= left != domains[x]
            domains[x] = left
    return domains


def bitset(values: set[int], words: int) -> list[int]:
    """Words as signed integers."""
    unsigned = [sum(1 << (v % 32) for v in values if v // 32 == word) for word in range(words)]
    return [each - (1 << 32) if each >> 31 else each for each in unsigned]


def tensors(puzzles: Sequence[Puzzle], words: int) -> tuple[Tensor, Tensor, Tensor]:
    """A batch in which each puzzle has its own groups."""
    most = max(len(group) for _, groups, _ in puzzles for group in groups)
    padded = [[group + [-1] * (most - len(group)) for group in groups] for _, groups, _ in puzzles]
    return (
        torch.tensor([[bitset(domain, words) for domain in domains] for domains, _, _ in puzzles], dtype=torch.int32),
        torch.tensor(padded),
        torch.tensor([[bitset(values, words) for values in required] for _, _, required in puzzles], dtype=torch.int32),
    )


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Puzzle], int]:
    """Puzzles with as many variables and groups; some are solvable, some not. The words that hold a value."""
    words = draw(st.integers(1, 3))
    values = sorted(draw(st.sets(st.integers(0, 32 * words - 1), min_size=2, max_size=6)))
    variables, groups = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    few = st.sets(st.sampled_from(values), min_size=1)
    names = st.lists(st.integers(0, variables - 1), unique=True, max_size=5)
    puzzles = []
    for _ in range(draw(st.integers(1, 3))):
        members = draw(st.lists(names, min_size=groups, max_size=groups))
        required = [set(draw(st.lists(st.sampled_from(values), max_size=len(group)))) for group in members]
        domains = draw(st.lists(few, min_size=variables, max_size=variables))
        puzzles.append((domains, members, required))
    return puzzles, words


@given(batches(), st.randoms(use_true_random=False))
def test_the_fixed_point_is_that_of_sets_in_any_order(batch: tuple[list[Puzzle], int], order: random.Random) -> None:
    puzzles, words = batch
    domains, groups, required = tensors(puzzles, words)
    before = domains.clone()
    found = propagate(domains, groups, required)
    expected = [[bitset(domain, words) for domain in by_hand(puzzle, order)] for puzzle in puzzles]
    assert found.tolist() == expected
    assert torch.equal(domains, before)


SUDOKU = [
    *([9 * r + c for c in range(9)] for r in range(9)),
    *([9 * r + c for r in range(9)] for c in range(9)),
    *([9 * (3 * a + i) + 3 * b + j for i in range(3) for j in range(3)] for a in range(3) for b in range(3)),
]


def sudoku(grids: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Grids of 81 characters that share their groups."""
    domains = [[[1 << int(cell) - 1 if cell in "123456789" else 511] for cell in grid] for grid in grids]
    required = torch.full((1, 27, 1), 511, dtype=torch.int32)
    return torch.tensor(domains, dtype=torch.int32), torch.tensor(SUDOKU)[None], required


EASY = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"


def test_singles_solve_an_easy_sudoku() -> None:
    solved = propagate(*sudoku([EASY, "." * 81]))
    digits = [int(value).bit_length() for value in solved[0, :, 0]]
    assert all(solved[0, :, 0] == 1 << torch.tensor(digits) - 1)
    assert all({digits[x] for x in group} == set(range(1, 10)) for group in SUDOKU)
    assert all(int(cell) == digit for cell, digit in zip(EASY, digits, strict=True) if cell != ".")
    assert (solved[1] == 511).all()


def test_a_contradiction_empties_what_it_reaches_and_no_other_puzzle() -> None:
    twice = "5" + "." * 7 + "5" + "." * 72
    hidden = "12345678." + "." * 9 + "." * 8 + "9" + "." * 54  # the 9 that the first row needs is in its column
    solved = propagate(*sudoku([twice, hidden, EASY]))
    assert (solved[:2] == 0).all()
    assert (solved[2] != 0).all()


def test_without_groups_nothing_happens() -> None:
    domains = torch.tensor([[[5], [0]]], dtype=torch.int32)
    nothing = torch.empty((1, 0, 3), dtype=torch.int64), torch.empty((1, 0, 1), dtype=torch.int32)
    assert torch.equal(propagate(domains, *nothing), domains)


def cases() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Of every shape that the kernel pads: words, members, groups; with the groups of each row or shared."""
    rng = random.Random(0)
    out = [sudoku([EASY, "." * 81, "5" + "." * 7 + "5" + "." * 72])]
    for words in (1, 2, 3):
        for variables in (1, 4, 7):
            values = rng.sample(range(32 * words), 5)
            batch: list[Puzzle] = []
            for _ in range(8):
                groups = [rng.sample(range(variables), rng.randint(0, min(variables, 5))) for _ in range(3)]
                domains = [set(rng.sample(values, rng.randint(1, 5))) for _ in range(variables)]
                batch.append((domains, groups, [set(rng.sample(values, rng.randint(0, len(g)))) for g in groups]))
            out.append(tensors(batch, words))
    return out


INTERPRETED = """
import sys, torch
from constrain.kernels.propagate import propagate_triton
clone = torch.Tensor.clone
def poisoned(tensor, **options):
    room = torch.full((tensor.numel() + 64,), -1, dtype=tensor.dtype)  # all bits, before and behind
    inside = room[32:-32].view(tensor.shape)
    inside.copy_(tensor)
    rooms.append(room)
    return inside
torch.Tensor.clone = poisoned
found = []
for case in torch.load(sys.argv[1]):
    rooms = []
    found.append(clone(propagate_triton(*(poisoned(tensor) for tensor in case))))
    assert all((room[:32] == -1).all() and (room[-32:] == -1).all() for room in rooms)
torch.save(found, sys.argv[2])
"""


def test_the_kernel_equals_the_reference_bit_by_bit(tmp_path: Path) -> None:
    pytest.importorskip("triton")
    inputs, outputs = tmp_path / "inputs.pt", tmp_path / "outputs.pt"
    torch.save(cases(), inputs)
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)}  # read where triton is imported
    command = [sys.executable, "-c", INTERPRETED, str(inputs), str(outputs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for case, found in zip(cases(), torch.load(outputs), strict=True):
        assert torch.equal(found, propagate_reference(*case))


@pytest.mark.parametrize("device", ["cpu", *["cuda"] * torch.cuda.is_available()])
def test_what_runs_on_a_device_equals_the_reference_bit_by_bit(device: str) -> None:
    for case in cases():
        found = propagate(*(tensor.to(device) for tensor in case))
        assert torch.equal(found.cpu(), propagate_reference(*case))
