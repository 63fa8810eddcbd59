"""The compiled loops of the C files here: what each takes and gives.

They are compiled when the package is built or installed (`hatch_build.py`). Type, layout and number of dimensions of
every array are checked on the way, and of tables also that they lead to states; otherwise C trusts what arrays say. The
interpreter's lock is not held while they run. Where memory runs out, they raise a MemoryError.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LIBRARY",
    "Bundles",
    "Nodes",
    "TrieArrays",
    "bundled",
    "minimal",
    "search",
    "token_maps",
    "trie",
    "trie_nodes",
    "useful",
]

LIBRARY: Final = "libconstrain.so"
"""The file beside this one, whatever the platform."""

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]
Words = NDArray[np.uint64]

_NO_MEMORY: Final = -1
_UNSTABLE: Final = -2
_NODE: Final = np.dtype([("letters", "u8"), ("next", "i4"), ("begin", "i4")])  # `Node` in native.h


class _Maps(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_int64),
        ("offsets", ctypes.POINTER(ctypes.c_int64)),
        ("pairs", ctypes.POINTER(ctypes.c_uint32)),
    )


def sources_digest(folder: Path) -> str:
    """SHA-256 over the C files of a folder; the library says which it was compiled from."""
    return sha256(b"".join(file.read_bytes() for file in sorted(folder.glob("*.[ch]")))).hexdigest()


def _library() -> ctypes.CDLL:
    folder = Path(__file__).parent
    try:
        library = ctypes.CDLL(str(folder / LIBRARY))
    except OSError as error:
        raise ImportError(f"constrain has not been compiled, which installing it does: {error}") from error
    library.constrain_sources.restype = ctypes.c_char_p
    if any(folder.glob("*.c")) and library.constrain_sources().decode() != sources_digest(folder):
        raise ImportError(f"{LIBRARY} was compiled from other C files: install again (pip install -e .)")

    def array(dtype: Any, dimensions: int = 1) -> Any:
        return np.ctypeslib.ndpointer(dtype, dimensions, flags="C_CONTIGUOUS")

    size, nodes, maps = ctypes.c_int64, array(_NODE), ctypes.POINTER(_Maps)
    byte, flag, short, long, word = map(array, (np.uint8, np.bool_, np.int32, np.int64, np.uint64))
    pairs, table = array(np.uint32, 2), array(np.int32, 2)
    signatures: dict[str, tuple[Any, ...]] = {
        "trie": (size, byte, long, ctypes.c_int32, byte, short, short),
        "trie_nodes": (None, size, byte, short, short, byte, flag, nodes, short),
        "token_maps": (maps, table, size, size, size, short, size, byte, byte, ctypes.c_uint64, nodes, *[short] * 3),
        "free_maps": (None, maps),
        "bundled": (size, long, size, pairs, size, *[long] * 5, ctypes.POINTER(size)),
        "search": (None, long, size, long, long, long),
        "useful": (size, table, size, size, flag, size, flag),
        "minimal": (size, table, size, size, flag, size, word, ctypes.c_bool, table, flag),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, f"constrain_{name}")
        function.restype, function.argtypes = result, arguments
    return library


_LIBRARY: Final = _library()


def _done(result: int) -> int:
    if result == _NO_MEMORY:
        raise MemoryError
    return result


class TrieArrays(NamedTuple):
    """A trie's nodes in the order of their prefixes, of which they have N; see `constrain.trie.Trie`."""

    byte: Bytes
    next: Shorts
    begin: Shorts


def trie(data: Bytes, start: Ints) -> TrieArrays:
    """The trie of the strings `data[start[t] : start[t + 1]]`, which ascend and are not empty; O(bytes). Raises a
    ValueError where they have 2 GiB or more.
    """
    most = len(data) + 1
    if most > np.iinfo(np.int32).max:
        raise ValueError(f"tokens of {len(data)} bytes; the most is {np.iinfo(np.int32).max - 1}")
    byte, after, begin = np.empty(most, np.uint8), np.empty(most, np.int32), np.empty(most + 1, np.int32)
    nodes = _done(_LIBRARY.constrain_trie(data, start, len(start) - 1, byte, after, begin))
    return TrieArrays(byte[:nodes].copy(), after[:nodes].copy(), begin[: nodes + 1].copy())


class Nodes(NamedTuple):
    """A trie's nodes as walks read them, `[N + 1]`: what they need of each side by side, and the first special one from
    each on.
    """

    packed: NDArray[Any]
    ahead: Shorts


def trie_nodes(arrays: TrieArrays, group: Bytes, special: Bools) -> Nodes:
    """The nodes for `token_maps`; `group` has the group, less than 56, and `special` the kind of each of 256 bytes."""
    nodes = len(arrays.byte)
    found = Nodes(np.empty(nodes + 1, _NODE), np.empty(nodes + 1, np.int32))
    _LIBRARY.constrain_trie_nodes(nodes, *arrays, group, special, *found)
    return found


def token_maps(
    after: Shorts,
    usual: int,
    sources: Shorts,
    letter_class: Bytes,
    group: Bytes,
    plain: int,
    nodes: Nodes,
    sequence: Shorts,
    of_token: Shorts,
) -> tuple[Ints, NDArray[np.uint32]]:
    """The maps of all tokens of a trie, restricted to one or more `sources`: their offsets and, `[pairs, 2]`, entries.

    `after` is the transposed table, `[classes, states]`; no byte whose group is in the bits of `plain` is special. The
    map of every token in `sequence` is written to `of_token`. See `constrain.token_maps`.
    """
    classes, states = after.shape
    found = _LIBRARY.constrain_token_maps(
        *(after, states, classes, usual, sources, len(sources), letter_class, group, plain, *nodes, sequence, of_token)
    )
    if not found:
        raise MemoryError
    try:
        offsets = np.ctypeslib.as_array(found.contents.offsets, (found.contents.count + 1,)).copy()
        pairs = np.ctypeslib.as_array(found.contents.pairs, (int(offsets[-1]), 2)).copy()
    finally:
        _LIBRARY.constrain_free_maps(found)
    return offsets, pairs


class Bundles(NamedTuple):
    """The links and bundles of `constrain.token_automaton.Links`; bundle b is `member[offsets[b] : offsets[b + 1]]`."""

    source: Ints
    target: Ints
    bundle: Ints
    offsets: Ints
    member: Ints


def bundled(offsets: Ints, pairs: NDArray[np.uint32], states: int) -> Bundles:
    """The entries of maps by their two states: which maps have each, where equal sets of maps are one bundle.

    Bundles are numbered by their first links. O(states + pairs).
    """
    source, target, bundle, member = (np.empty(len(pairs), np.int64) for _ in range(4))
    ends, bundles = np.empty(len(pairs) + 1, np.int64), ctypes.c_int64()
    maps = (offsets, len(offsets) - 1, pairs, states)
    links = _done(_LIBRARY.constrain_bundled(*maps, source, target, bundle, ends, member, bundles))
    ends = ends[: bundles.value + 1].copy()
    return Bundles(source[:links].copy(), target[:links].copy(), bundle[:links].copy(), ends, member[: ends[-1]].copy())


def search(seeds: Sequence[int], offsets: Ints, neighbours: Ints) -> Ints:
    """int64 `[nodes]`: the fewest steps to each node from a seed, through compressed rows; -1 where no way leads."""
    queue = np.empty(len(offsets) - 1 + len(seeds), np.int64)
    queue[: len(seeds)] = seeds
    steps = np.full(len(offsets) - 1, -1, np.int64)
    _LIBRARY.constrain_search(queue, len(seeds), offsets, neighbours, steps)
    return steps


def _check(table: Shorts, flags: Bools, start: int) -> None:
    if not 0 <= start < len(table) == len(flags) or (table.size and not -1 <= table.min() <= table.max() < len(table)):
        raise ValueError(
            f"no table of {len(table)} states, {len(flags)} of them flagged or not, with the start {start}"
        )


def useful(table: Shorts, ending: Bools, start: int) -> Bools:
    """bool `[S]`: which states of a partial table lie on the way from the start to an ending one. Where its entries are
    not states or -1, a ValueError is raised.
    """
    _check(table, ending, start)
    found = np.empty(len(table), np.bool_)
    _done(_LIBRARY.constrain_useful(table, *table.shape, ending, start, found))
    return found


def minimal(table: Shorts, accepting: Bools, start: int, weight: Words | None) -> tuple[Shorts, Bools] | None:
    """The useful states of a partial table, equivalent ones merged, numbered breadth first in the order of classes;
    none if the start is not useful. O(states classes + edges log^2 states), where neighbouring classes with the same
    target are one edge. Raises as `useful` does.

    `weight`, uint64 `[classes + 1]`, has the sums of numbers of the classes; sets of classes are told apart by the sums
    of theirs. If two are equal by chance and states were merged that differ, the result is None: the numbers should be
    such as nobody who writes a table knows. Without weights, no two useful states may be equivalent.
    """
    _check(table, accepting, start)
    merges = weight is not None
    if weight is None:
        weight = np.empty(0, np.uint64)
    elif len(weight) != table.shape[1] + 1:
        raise ValueError(f"{len(weight)} weights for {table.shape[1]} classes, and not one more")
    smaller, ending = np.empty_like(table), np.empty_like(accepting)
    states = _done(_LIBRARY.constrain_minimal(table, *table.shape, accepting, start, weight, merges, smaller, ending))
    return None if states == _UNSTABLE else (smaller[:states].copy(), ending[:states].copy())
