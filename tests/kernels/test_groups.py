"""Every entry has one place, in the column of its group; reductions equal those of each group by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.kernels import groups
from constrain.kernels.groups import Groups, Sums

sizes = st.lists(st.one_of(st.integers(0, 4), st.integers(0, 300)), min_size=1, max_size=100)


@given(sizes, st.sampled_from([0, 30, 1500]), st.sampled_from([3, 64]), st.data())
@settings(max_examples=100, deadline=None)
def test_places_and_reductions(size: list[int], overhead: int, kinds: int, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "_OVERHEAD", overhead)
        patch.setattr(groups, "_SIZES", kinds)
        members = np.array(sorted(data.draw(st.sets(st.integers(0, len(size) - 1), min_size=1))))
        group = np.repeat(np.arange(len(size)), size)
        found = Groups.of(group, members)
    count = len(group)
    assert sorted(found.members.tolist()) == members.tolist()
    assert sorted(found.entry[found.entry < count]) == np.flatnonzero(np.isin(group, members)).tolist()
    column = np.full(found.places, -1)
    for block in found.blocks:
        column[block.first : block.stop] = np.tile(np.arange(block.begin, block.end), block.width)
    real = found.entry < count
    assert (found.members[column[real]] == group[found.entry[real]]).all()

    sums = Sums(found, torch.device("cpu"))
    weight = np.append(np.random.default_rng(0).normal(0.0, 400.0, count), -np.inf)
    own = [weight[:-1][group == g] for g in found.members]
    sums.entries.copy_(torch.from_numpy(weight[found.entry]))
    assert sums.maximum().tolist() == [max(part, default=-np.inf) for part in own]
    assert np.allclose(sums.log_sum(), [np.logaddexp2.reduce(part) if len(part) else -np.inf for part in own])
    sums.entries.copy_(torch.from_numpy(weight[found.entry] / 400.0))
    total = torch.tensor([3.0 * n for n in range(len(own))], dtype=torch.float64)
    expected = [float((np.exp2(part / 400.0 - 3.0 * n) * (n + 1)).sum()) for n, part in enumerate(own)]
    sums.divided(total)
    sums.times(torch.arange(1.0, len(own) + 1.0, dtype=torch.float64))
    assert np.allclose(sums.sum(), expected)


def test_groups_of_different_sizes_take_several_blocks_where_one_would_be_mostly_empty() -> None:
    size = np.append(np.full(2000, 2), 500)
    found = Groups.of(np.repeat(np.arange(2001), size), np.arange(2001))
    assert [(block.end - block.begin, block.width) for block in found.blocks] == [(2000, 2), (1, 500)]
    assert found.places == 4500
