"""Compiled automata on a device: the tables that class scores are read with, and the graph that a batch forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from constrain.kernels.chain import Graph
from constrain.kernels.pieces import Pieces
from constrain.lattice import Lattice
from constrain.token_automaton import TokenAutomaton

__all__ = ["Tables", "join"]


@dataclass(frozen=True, eq=False)
class Tables:
    """One token automaton on a device: which tokens are in a class, and which classes in a bundle (see `Links`).

    `contains` is bool `[columns, K]`. Its rows, the columns of scores, are the bundles and, last, the tail: any class
    that has tokens.
    """

    class_of: Tensor
    order: Tensor
    offsets: Tensor
    owner: Tensor
    member: Tensor
    contains: Tensor

    @property
    def columns(self) -> int:
        return len(self.contains)

    @classmethod
    def of(cls, tokens: TokenAutomaton, device: torch.device) -> Tables:
        links = tokens.links
        contains = np.zeros((links.bundles + 1, tokens.classes), np.bool_)
        contains[links.owner, links.member] = True
        contains[-1] = np.diff(tokens.offsets) > 0
        arrays = (tokens.class_of.astype(np.int64), tokens.order, tokens.offsets, links.owner, links.member, contains)
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))

    @cached_property
    def pieces(self) -> Pieces:
        """What a GPU reads the classes by; it waits for the device once."""
        return Pieces.of(self.order, self.offsets)

    def only(self, tokens: Tensor) -> Tables:
        """The same classes over columns of logits that belong to `tokens` (int64 `[U]`, ascending) alone."""
        class_of = self.class_of[tokens]
        size = torch.bincount(class_of, minlength=len(self.offsets) - 1)
        contains = self.contains.clone()
        contains[-1] = size > 0
        order = class_of.argsort(stable=True)
        return Tables(class_of, order, pad(size.cumsum(0), (1, 0)), self.owner, self.member, contains)


def join(lattices: Sequence[Lattice], device: torch.device) -> tuple[Graph, Tensor]:
    """The disjoint union of the lattices' graphs, and the row of every state, int64 `[Q]`."""
    source, target, column, alive, start, state_row = [], [], [], [], [], []
    states = columns = 0
    for row, lattice in enumerate(lattices):
        links, done = lattice.tokens.links, lattice.tokens.done
        source.append(np.append(links.source, done) + states)
        target.append(np.append(links.target, done) + states)
        column.append(np.append(links.bundle, links.bundles) + columns)
        alive.append(lattice.alive)
        start.append(lattice.start + states)
        state_row.append(np.full(done + 1, row))
        states += done + 1
        columns += links.bundles + 1
    arrays = (np.concatenate(source), np.concatenate(target), np.concatenate(column), np.hstack(alive), np.array(start))
    tensors = [torch.from_numpy(a if a.dtype == np.bool_ else a.astype(np.int64)).to(device) for a in arrays]
    return Graph(*tensors), torch.from_numpy(np.concatenate(state_row)).to(device)
