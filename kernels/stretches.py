"""Which edges of a batch of lattices have to be looked at where: the dead ones are left out, a few layers at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from constrain.kernels.groups import Groups

__all__ = ["AliveEdges", "Stretch", "stretches"]

_STRETCHES = 16  # of a canvas: bounds the memory, some 24 bytes for every edge that is alive in one


@dataclass(frozen=True, eq=False)
class AliveEdges:
    """Edges by source, padded to P places (see `Groups`); their sources are `states`, int64 `[G]`.

    `target` and `column`, int32 `[P]`, are what to read: column k is number k + 1, and 0 stands where there is no edge.
    `into` and `onto`, int64 `[P]`, are where to add: the same states and columns (from 0), and any, no two neighbours
    alike, where there is no edge.
    """

    groups: Groups
    states: Tensor
    target: Tensor
    column: Tensor
    into: Tensor
    onto: Tensor


@dataclass(frozen=True, eq=False)
class Stretch:
    """The layers `begin` to `end`, and the edges that leave one of them and are alive there.

    `dead`, bool `[end - begin, G]`, marks the sources that are alive in other layers only; None if there are none.
    """

    begin: int
    end: int
    edges: AliveEdges
    dead: Tensor | None


def stretches(source: Tensor, target: Tensor, column: Tensor, alive: Tensor) -> tuple[Stretch, ...]:
    """All layers but the last in ascending order; arguments are those of a `Graph`.

    Neighbours with equal edges share them. It waits for the device: build them once per canvas.
    """
    device = alive.device
    near, far, label, lives = (part.cpu().numpy() for part in (source, target, column, alive))
    out: list[Stretch] = []
    known: list[NDArray[np.bool_]] = []
    bounds = np.unique(np.linspace(0, len(lives) - 1, _STRETCHES + 1).round().astype(int))
    for begin, end in pairwise(bounds.tolist()):
        here = np.logical_or.reduce(lives[begin:end])
        used = here[near] & np.logical_or.reduce(lives[begin + 1 : end + 1])[far]
        if known and all(map(np.array_equal, known, (here, used))):
            edges = out[-1].edges
        else:
            edges = _alive_edges(near, far, label, used, here, device)
        known = [here, used]
        dead = ~lives[begin:end, edges.groups.members]
        out.append(Stretch(begin, end, edges, torch.from_numpy(dead).to(device) if dead.any() else None))
    return tuple(out)


def _alive_edges(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    column: NDArray[np.int64],
    used: NDArray[np.bool_],
    states: NDArray[np.bool_],
    device: torch.device,
) -> AliveEdges:
    """The edges `used`, of the sources `states`."""
    groups = Groups.of(source[used], np.flatnonzero(states))
    place = np.arange(groups.places)
    into = np.append(target[used], 0)[groups.entry]
    onto = np.append(column[used], -1)[groups.entry]
    none = onto < 0
    reading = into, onto + 1
    into[none] = (place % len(states))[none]
    onto[none] = (place % (int(column.max()) + 1))[none]
    adding = into, onto
    members = torch.from_numpy(groups.members).to(device)
    return AliveEdges(
        groups,
        members,
        *(torch.from_numpy(part.astype(np.int32)).to(device) for part in reading),
        *(torch.from_numpy(part).to(device) for part in adding),
    )
