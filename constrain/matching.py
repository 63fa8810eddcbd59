"""Which values variables can take when no two of them may take the same: Régin's filter, on bit sets.

J.-C. Régin, "A filtering algorithm for constraints of difference in CSPs", AAAI 1994. A matching of all variables to
different values is one solution, and every other one is reached from it along alternating paths: a variable may take a
value that another one holds exactly if that one can move on, to a value that nobody holds or, round a cycle, to the one
that this variable gives up.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["distinct_values", "members"]


def members(bits: int) -> list[int]:
    """The numbers of the bits set, ascending."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found


def distinct_values(domains: Sequence[int]) -> tuple[list[int], int] | None:
    """Each variable's values that occur in some choice of different ones, and the values that occur in all choices.

    None if there is no choice. A domain is a bit set; a bit means the same value in all of them.
    """
    kept = list(domains)
    if not _without_fixed(kept):
        return None
    loose = [index for index, domain in enumerate(kept) if domain & (domain - 1)]
    taken = sum(domain for domain in kept if not domain & (domain - 1))
    choices = [kept[index] for index in loose]
    match = _matching(choices)
    if match is None:
        return None
    allowed, needed = _on_alternating_paths(choices, match)
    for index, domain in zip(loose, allowed, strict=True):
        kept[index] = domain
    return kept, taken | needed


def _without_fixed(domains: list[int]) -> bool:
    """Takes the values of fixed variables from all others, as long as that fixes more; False if one has none left."""
    waiting = [index for index, domain in enumerate(domains) if not domain & (domain - 1)]
    for index in waiting:
        value = domains[index]
        if not value:
            return False
        for other, domain in enumerate(domains):
            if domain & value and other != index:
                domain = domains[other] = domain ^ value
                if not domain & (domain - 1):
                    if not domain:
                        return False
                    waiting.append(other)
    return True


def _matching(domains: list[int]) -> list[int] | None:
    """A value (a bit) for each variable, all different, by augmenting paths searched breadth first."""
    match = [0] * len(domains)
    holder: dict[int, int] = {}
    held = 0
    for start in range(len(domains)):
        free = domains[start] & ~held
        path, seen = [start], 0
        came_from: dict[int, int] = {}
        last = start
        for last in path:
            free = domains[last] & ~held
            if free:
                break
            reached = domains[last] & ~seen
            seen |= reached
            while reached:
                value = reached & -reached
                reached ^= value
                came_from[holder[value]] = last
                path.append(holder[value])
        if not free:
            return None
        value = free & -free
        held |= value
        while True:
            given_up, match[last] = match[last], value
            holder[value] = last
            if last == start:
                break
            value, last = given_up, came_from[last]
    return match


def _on_alternating_paths(domains: list[int], match: list[int]) -> tuple[list[int], int]:
    held = sum(match)
    holder = {value: index for index, value in enumerate(match)}
    reach = []  # as a bit set: the variables that this one can push from their values, itself included
    moves = 0  # the variables that can move to a value that nobody holds, at first directly
    for index, domain in enumerate(domains):
        pushed = 0
        for value in _single_bits(domain & held):
            pushed |= 1 << holder[value]
        reach.append(pushed)
        if domain & ~held:
            moves |= 1 << index
    for middle in range(len(domains)):  # Warshall's transitive closure
        bit, further = 1 << middle, reach[middle]
        for index, pushed in enumerate(reach):
            if pushed & bit:
                reach[index] = pushed | further
    may_leave = 0
    for value, pushed in zip(match, reach, strict=True):
        if pushed & moves:
            may_leave |= value
    allowed = []
    for index, domain in enumerate(domains):
        bit = 1 << index
        keep = ~held | may_leave
        for value in _single_bits(domain & held & ~may_leave):
            if reach[holder[value]] & bit:
                keep |= value
        allowed.append(domain & keep)
    return allowed, held & ~may_leave


def _single_bits(bits: int) -> list[int]:
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest)
        bits ^= lowest
    return found
