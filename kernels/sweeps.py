"""All sums, maxima and walks over the paths of a batch in two launches: what `chain` computes, step by step.

The first launch has three programs per row, which never wait for each other: the backward sums and a draw by them,
the backward maxima and the best path by those, the forward sums. Each goes from layer to layer over the alive states
alone, a tile of states and edges at a time. The second adds up the marginals of all columns.

A layer's values are float32, relative to the largest one of the layer before; the sum of these offsets is float64. So
rounding is that of one step, however long the canvas: after 256 positions log Z is off by 1e-6, 3e-5 and 3e-4 for
scores with a standard deviation of 3, 30 and 300, and by up to 5e-4 for every position at which all paths have a step
at FLOOR, the precision of float32 at 1e4.

Layers follow each other, so latency is what it costs: five dependent reads of the cache, 1 to 2 us per layer where the
alive edges fit into a tile (512 states with 8 edges each), and as much again for every further tile. That is less than
half a millisecond for 256 positions of a schema with 500 states, and some 3 ms for one with 2,200 alive states in a
layer, where one multiprocessor per row is too few (estimated, not measured).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from constrain.kernels.chain import Graph, backward, flow, walk
from constrain.kernels.edge_index import EdgeIndex

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = ["Swept", "sweep", "sweep_reference", "sweep_triton"]


@dataclass(frozen=True, eq=False)
class Swept:
    """What a batch's paths weigh and which ones were chosen.

    `log_z` float64 `[B]`: log of the total weight. `log_marginals` `[L, C]`: log of the probability that an edge with
    column k is taken at position i. `best` and `drawn` int64 `[B, L]`: the columns of a path of the largest weight, by
    the peaks, float64 `[B]` `weight`, and of a path drawn in proportion to its weight.
    """

    log_z: Tensor
    log_marginals: Tensor
    weight: Tensor
    best: Tensor
    drawn: Tensor


def sweep_reference(graph: Graph, scores: Tensor, peaks: Tensor, seed: Tensor) -> Swept:
    """In float64, one after the other; see `sweep`. Its draws use other random numbers than the kernel's."""
    scores, peaks = scores.double(), peaks.double()
    beta, highest = backward(graph, scores), backward(graph, peaks, maximum=True)
    mu = flow(graph, scores, beta)
    generator = torch.Generator(scores.device).manual_seed(int(seed))
    drawn = walk(graph, scores, beta, generator)
    return Swept(beta[0, graph.start], mu.log(), highest[0, graph.start], walk(graph, peaks, highest), drawn)


if triton is not None:
    from constrain.kernels.philox import gumbel_of_word, random_words

    LOWEST = tl.constexpr(torch.finfo(torch.float32).min)

    @triton.jit  # type: ignore[untyped-decorator]
    def _sweeps_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        values,  # float32 [3, L + 1, Q]: -inf where dead; the layer that a sweep begins with is filled
        offset,  # float64 [3, L + 1, B]: what to add to a layer's values; the same layer is filled
        paths,  # int64 [2, B, L]
        scores,  # float32 [2, L, C]: for sums, for maxima
        alive,  # uint8 [L + 1, Q]
        start,  # int64 [B]
        seed,  # int64 []
        begins,  # as in `EdgeIndex`
        others,
        columns,
        layer,
        states,
        length,
        rows,
        all_states,
        all_columns,
        edges,
        group: tl.constexpr,
        width: tl.constexpr,
        block: tl.constexpr,
    ):
        """One row's backward sums and a draw (role 0), backward maxima and best path (1), or forward sums (2)."""
        row, role = tl.program_id(0), tl.program_id(1)
        back, maximum = role < 2, role == 1
        state_stride = tl.zeros([], tl.int64) + all_states
        column_stride = tl.zeros([], tl.int64) + all_columns
        values += role * (length + 1) * state_stride
        offset += role * (length + 1) * rows
        scores += tl.where(maximum, length, 0) * column_stride
        order = tl.where(back, 0, 1)
        begins += order * (all_states + 1)
        others += order * edges
        columns += order * edges
        lane = tl.arange(0, width)[None, :]

        shift = tl.zeros([], tl.float32)
        shifts = tl.zeros([], tl.float64)
        for step in range(length):
            near = tl.where(back, length - 1 - step, step + 1)
            far = tl.where(back, length - step, step)
            known = values + far * state_stride
            score = scores + tl.minimum(near, far) * column_stride
            end = tl.load(layer + near * rows + row + 1)
            highest = tl.full([group], LOWEST, tl.float32)
            for first in range(tl.load(layer + near * rows + row), end, group):
                index = first + tl.arange(0, group)
                state = tl.load(states + index, mask=index < end, other=0)
                begin = tl.load(begins + state, mask=index < end, other=0)
                count = tl.load(begins + state + 1, mask=index < end, other=0) - begin
                top = tl.full([group], LOWEST, tl.float32)
                total = tl.zeros([group], tl.float32)
                for skipped in range(0, tl.max(count, axis=0), width):
                    mask = skipped + lane < count[:, None]
                    edge = begin[:, None] + skipped + lane
                    other = tl.load(others + edge, mask=mask, other=0)
                    column = tl.load(columns + edge, mask=mask, other=0)
                    weight = tl.load(score + column, mask=mask, other=0.0) - shift
                    weight += tl.load(known + other, mask=mask, other=-float("inf"))
                    after = tl.maximum(top, tl.max(weight, axis=1))
                    total = total * tl.exp(top - after) + tl.sum(tl.exp(weight - after[:, None]), axis=1)
                    top = after
                value = tl.where(maximum, top, top + tl.log(total))
                tl.store(values + near * state_stride + state, value, mask=index < end)
                highest = tl.maximum(highest, tl.where(index < end, value, LOWEST))
            shifts += shift.to(tl.float64)
            tl.store(offset + near * rows + row, shifts)
            shift = tl.max(highest, axis=0)
            tl.debug_barrier()  # the next layer reads what other threads have written

        state = tl.load(start + row).to(tl.int32)
        for i in range(tl.where(back, length, 0)):
            begin = tl.load(begins + state)
            end = tl.load(begins + state + 1)
            taken = begin
            highest_here = tl.full([], -float("inf"), tl.float32)
            for first in range(begin, end, block):
                edge = first + tl.arange(0, block)
                mask = edge < end
                other = tl.load(others + edge, mask=mask, other=0) + (i + 1) * state_stride
                column = tl.load(columns + edge, mask=mask, other=0) + i * column_stride
                candidate = tl.load(alive + other, mask=mask, other=0) != 0
                weight = tl.load(scores + column, mask=mask, other=0.0)
                weight += tl.load(values + other, mask=mask, other=-float("inf"))
                if role == 0:
                    zero = tl.zeros([block], tl.int32)
                    word, _, _, _ = random_words(tl.load(seed), edge - begin, zero + i, zero + row, zero + 1)
                    weight += gumbel_of_word(word)
                weight = tl.where(candidate, tl.maximum(weight, LOWEST), -float("inf"))
                top = tl.max(weight, axis=0)
                best = tl.min(tl.where(candidate & (weight == top), edge, end), axis=0)
                taken = tl.where(top > highest_here, best, taken)
                highest_here = tl.maximum(highest_here, top)
            column = tl.load(columns + taken)
            tl.store(paths + (role * rows + row) * (tl.zeros([], tl.int64) + length) + i, column.to(tl.int64))
            state = tl.load(others + taken)

    @triton.jit  # type: ignore[untyped-decorator]
    def _marginals_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        out,  # float32 [L, C]
        alpha,
        beta,
        scores,
        offset,  # float32 [L, B]: those of alpha and beta, less log Z
        taking,
        near,
        far,
        row,
        rows,
        all_states,
        all_columns,
        group: tl.constexpr,
        width: tl.constexpr,
    ):
        """`group` columns at one position, `width` edges of each at a time."""
        i = tl.program_id(0).to(tl.int64)
        k = tl.program_id(1) * group + tl.arange(0, group)
        begin = tl.load(taking + k, mask=k < all_columns, other=0)
        count = tl.load(taking + k + 1, mask=k < all_columns, other=0) - begin
        top = tl.full([group], LOWEST, tl.float32)
        total = tl.zeros([group], tl.float32)
        for start in range(0, tl.max(count, axis=0), width):
            lane = start + tl.arange(0, width)[None, :]
            mask = lane < count[:, None]
            source = tl.load(near + begin[:, None] + lane, mask=mask, other=0)
            target = tl.load(far + begin[:, None] + lane, mask=mask, other=0)
            weight = tl.load(alpha + i * all_states + source, mask=mask, other=-float("inf"))
            weight += tl.load(beta + (i + 1) * all_states + target, mask=mask, other=-float("inf"))
            after = tl.maximum(top, tl.max(weight, axis=1))
            total = total * tl.exp(top - after) + tl.sum(tl.exp(weight - after[:, None]), axis=1)
            top = after
        score = tl.load(scores + i * all_columns + k, mask=k < all_columns, other=0.0)
        shift = tl.load(offset + i * rows + tl.load(row + k, mask=k < all_columns, other=0))
        tl.store(out + i * all_columns + k, top + tl.log(total) + score + shift, mask=k < all_columns)


def sweep_triton(
    graph: Graph, index: EdgeIndex, scores: Tensor, peaks: Tensor, seed: Tensor, *, group: int = 512, width: int = 8
) -> Swept:
    """Tiles of `group` states and `width` edges; see `sweep`."""
    (length, columns), states, rows, device = scores.shape, graph.alive.shape[1], len(graph.start), scores.device
    values = torch.full((3, length + 1, states), -torch.inf, dtype=torch.float32, device=device)
    values[:2, -1].masked_fill_(graph.alive[-1], 0.0)
    values[2, 0, graph.start] = 0.0
    offset = torch.zeros((3, length + 1, rows), dtype=torch.float64, device=device)
    paths = torch.empty((2, rows, length), dtype=torch.int64, device=device)
    both = torch.stack([scores.float(), peaks.float()])
    _sweeps_kernel[rows, 3](
        values,
        offset,
        paths,
        both,
        graph.alive.contiguous().view(torch.uint8),
        graph.start,
        seed,
        index.begins,
        index.others,
        index.columns,
        index.layer,
        index.states,
        length,
        rows,
        states,
        columns,
        index.others.shape[1],
        group=group,
        width=width,
        block=64,
        num_warps=16,
    )
    log_z, weight = (values[n, 0, graph.start] + offset[n, 0] for n in (0, 1))
    shift = (offset[2, :-1] + offset[0, 1:] - log_z).float()
    log_marginals = torch.empty((length, columns), dtype=torch.float32, device=device)
    _marginals_kernel[length, triton.cdiv(columns, 8)](
        log_marginals,
        values[2],
        values[0],
        both,
        shift,
        index.taking,
        index.near,
        index.far,
        index.row,
        rows,
        states,
        columns,
        group=8,
        width=128,
    )
    return Swept(log_z, log_marginals, weight, paths[1], paths[0])


def sweep(
    graph: Graph, state_row: Tensor, scores: Tensor, peaks: Tensor, seed: Tensor, *, index: EdgeIndex | None = None
) -> Swept:
    """Sum, maximise and walk over all paths: `scores` and `peaks`, `[L, C]`, are finite; `seed` is int64 `[]`.

    The states of `graph` belong to the rows `state_row`, int64 `[Q]`, ascending. A GPU needs the `index` of the graph,
    which takes longer to build than all the rest.
    """
    if scores.is_cuda and triton is not None:
        index = EdgeIndex.of(graph, state_row, scores.shape[1]) if index is None else index
        return sweep_triton(graph, index, scores, peaks, seed)
    return sweep_reference(graph, scores, peaks, seed)
