"""From the graph of a schema's locations to one automaton over bytes.

JSON texts are deterministic to read: what may stand in a place begins with different bytes kind by kind, and what
follows a value with bytes that no value goes on with. So the automata of parts are put together as blocks; only the
alternatives of one place that lead on differently are read in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import NOTHING, compile_expression
from constrain.json_blocks import Block, Builder, Target, labelled
from constrain.json_graph import Graph
from constrain.json_items import Items
from constrain.json_lengths import before_quote
from constrain.json_locations import Location
from constrain.json_members import Cell, Members
from constrain.json_text import canonical_text

__all__ = ["Assembly"]

MAX_BUILT = 800_000
MINIMIZED = 1_000
"""From how many states on a part is made minimal before it is copied: parts of parts multiply."""


class Assembly:
    """Builds the automaton of a graph, where recursive locations go `depth` deep. `space` is what may stand between
    tokens, `any_value` the texts of values of which nothing is said, and `free_names` those of names.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        space: Automaton,
        any_value: Automaton,
        depth: int,
        free_names: Automaton,
    ) -> None:
        self.graph = graph
        self.space = space
        self.any_value = Block.of(any_value)
        self.depth = depth
        self.free_names = free_names
        self._blocks: dict[tuple[Location, int], Block | None] = {}
        self._names: dict[tuple[Cell, ...], Block] = {}
        self._told_apart: dict[tuple[Block, ...], Block] = {}
        self.built = 0

    def automaton(self) -> Automaton:
        """The texts of the root's values."""
        start = (self.graph.root, self.depth if self.graph.component[self.graph.root] >= 0 else 0)
        stack = [start]
        while stack:  # parts before wholes, without recursion
            location, depth = stack[-1]
            waiting = [part for part in self._parts(location, depth) if part not in self._blocks]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if (location, depth) not in self._blocks:
                block = self._block(location, depth)
                if block is not None and not self.graph.shapes[location].is_free:
                    self._count(block)
                    if block.states > MINIMIZED and location is not self.graph.root:
                        block = _minimized(block)
                self._blocks[location, depth] = block
        block = self._blocks[start]
        if block is None:
            return compile_expression(NOTHING)
        return Automaton.from_table(block.table, block.byte_class, block.exits >= 0)

    def _parts(self, location: Location, depth: int) -> list[tuple[Location, int]]:
        parts = ((inner, self._inner(location, inner, depth)) for inner in self.graph.shapes[location].inner)
        return [part for part in parts if part[1] >= 0]

    def _inner(self, outer: Location, inner: Location, depth: int) -> int:
        return self.graph.depth_inside(outer, inner, depth, self.depth)

    def _block(self, location: Location, depth: int) -> Block | None:
        """The texts of the values at a location, not minimal; None if there is nothing that could be one."""
        shape = self.graph.shapes[location]
        if shape.is_free:
            return self.any_value
        blocks = [Block.of(text) for text in shape.scalars]
        if shape.array is not None:
            blocks.append(self._array(shape.array, location, depth))
        if shape.object is not None:
            blocks.append(self._object(shape.object, location, depth))
        if len(blocks) < 2:
            return blocks[0] if blocks else None
        builder = Builder(self.space)
        start, end = builder.state(), builder.end()
        for block in blocks:
            builder.insert(block, [start], [end])
        return builder.block()

    def options(
        self, options: Sequence[tuple[Location, int]], location: Location, depth: int
    ) -> tuple[Block, list[int]] | None:
        """The texts of all options, each exit a way to its own target; None if no option has any."""
        found: list[tuple[Block, int]] = []
        for inner, target in options:
            deeper = self._inner(location, inner, depth)
            block = self._blocks[inner, deeper] if deeper >= 0 else None
            if block is not None:
                found.append((block, target))
        if not found:
            return None
        blocks = tuple(block for block, _ in found)
        if blocks not in self._told_apart:
            self._told_apart[blocks] = joined = labelled(blocks)
            self._count(joined)
        return self._told_apart[blocks], [target for _, target in found]

    def _count(self, block: Block) -> None:
        """Takes note of a block that has been built; raises `LimitError` when all of them are too many states."""
        self.built += block.states
        if self.built > MAX_BUILT:
            raise LimitError(
                f"putting the parts of the schema together takes more than {MAX_BUILT:,} automaton states",
                limit=MAX_BUILT,
                given=self.built,
                hint="fewer alternatives that say different things of the same parts, or a lower max_depth",
            )

    def _array(self, items: Items, location: Location, depth: int) -> Block:
        builder = Builder(self.space)
        start, end = builder.state(), builder.end()
        behind = [builder.spaced() for _ in items.following]  # behind the item that led to the state
        opened, gates = builder.spaced()
        builder.edge(start, b"[", opened)
        entries: dict[tuple[tuple[Location, int], ...], list[int]] = {}  # where an item of these options may begin
        for index, options in enumerate(items.following):
            comma, begins = builder.spaced()
            if index == 0:
                begins = [*begins, *gates]
            if options:
                entries.setdefault(tuple(options), []).extend(begins)
                for gate in behind[index][1]:
                    builder.edge(gate, b",", comma)
            if items.accepting[index]:
                for gate in (*behind[index][1], *(gates if index == 0 else ())):
                    builder.edge(gate, b"]", end)
        for row, begins in entries.items():
            found = self.options(row, location, depth)
            if found is not None:
                block, targets = found
                builder.insert(block, begins, [behind[target][0] for target in targets])
        return builder.block()

    def _object(self, members: Members, location: Location, depth: int) -> Block:
        return _ObjectBuilder(self, members, location, depth).block()

    def names(self, cells: tuple[Cell, ...]) -> Block:
        """The names in the cells with their closing quote, the exit telling the cell."""
        known = self._names.get(cells)
        if known is None:
            texts = (self.free_names if cell.names is None else cell.names for cell in cells)
            known = self._names[cells] = labelled([Block.of(before_quote(text)) for text in texts])
        return known


def _minimized(block: Block) -> Block | None:
    """The same texts in as few states as possible; None if there are no texts."""
    automaton = Automaton.from_table(block.table, block.byte_class, block.exits >= 0)
    return None if automaton.is_empty() else Block.of(automaton)


class _ObjectBuilder:
    """Spells one object. A name is read along the trie of all listed names, beside the automaton of the others."""

    def __init__(self, assembly: Assembly, members: Members, location: Location, depth: int) -> None:
        self.assembly = assembly
        self.members = members
        self.location = location
        self.depth = depth
        self.builder = Builder(assembly.space)
        self.children: list[dict[int, int]] = [{}]
        self.below: list[set[str]] = [set(members.names)]
        self.ending: list[str | None] = [None]
        self.prefix = [b""]
        for name in members.names:
            self._enter(name)
        self.start = self.builder.state()
        self.end = self.builder.end()
        self.waiting: list[Callable[[], None]] = []
        self.begun: dict[tuple[int, int], int] = {}
        self.followed: dict[int, int] = {}
        self.valued: dict[tuple[tuple[Location, int], ...], int | None] = {}
        self.copied: dict[int, int] = {}
        self.firsts: dict[tuple[int, int], int] = {}
        self.reached: dict[tuple[int, int], int] = {}

    def _enter(self, name: str) -> None:
        node = 0
        for byte in canonical_text(name)[1:-1]:
            if byte not in self.children[node]:
                self.children[node][byte] = len(self.children)
                self.children.append({})
                self.below.append(set())
                self.ending.append(None)
                self.prefix.append(self.prefix[node] + bytes([byte]))
            node = self.children[node][byte]
            self.below[node].add(name)
        self.ending[node] = name

    def block(self) -> Block:
        opened, gates = self.builder.spaced()
        self.builder.edge(self.start, b"{", opened)
        name = self._begin(0, 0)
        for gate in gates:
            self._link(gate, ord('"'), name)
            if self.members.states[0].accepting:
                self.builder.edge(gate, b"}", self.end)
        while self.waiting:
            self.waiting.pop()()
        return self.builder.block()

    def _link(self, source: int, byte: int, target: Target | None) -> None:
        if isinstance(target, int):
            self.builder.edges[source][byte] = target
        elif target is not None:
            self.builder.into.append((source, byte, *target))

    def _after(self, state: int) -> int:
        """Where a value has just ended, and the object goes on in `state`."""
        known = self.followed.get(state)
        if known is None:
            known, gates = self.builder.spaced()
            self.followed[state] = known
            self.waiting.append(lambda: self._fill_after(state, gates))
        return known

    def _fill_after(self, state: int, gates: list[int]) -> None:
        name = self._begin(0, state)
        if name is not None:
            comma, inner = self.builder.spaced()
            for gate in inner:
                self._link(gate, ord('"'), name)
            for gate in gates:
                self.builder.edge(gate, b",", comma)
        if self.members.states[state].accepting:
            for gate in gates:
                self.builder.edge(gate, b"}", self.end)

    def _begin(self, node: int, state: int) -> Target | None:
        """Where the bytes of a trie node have been read of a name that may come in `state`; None if none may."""
        first, others = self._first(node, state), self._others(self._last(state), node)
        if first < 0:
            return others
        known = self.begun.get((node, first))
        if known is None:
            known = self.begun[node, first] = self.builder.state()
            if others is not None:
                self.builder.entries.append((known, *others))
            self.waiting.append(lambda: self._fill_begun(node, first, known))
        return known

    def _fill_begun(self, node: int, state: int, here: int) -> None:
        for byte, child in self.children[node].items():
            self._link(here, byte, self._begin(child, state))
        name = self.ending[node]
        while name is not None and state >= 0:
            waiting = self.members.states[state]
            options = next((options for known, options in waiting.named if known == name), None)
            if options is not None:
                self._link(here, ord('"'), self._value(options))
                break
            state = waiting.otherwise

    def _first(self, node: int, state: int) -> int:
        """The first state, from this one on, in which a name below the node may come; -1 if there is none."""
        passed = []
        found = -1
        while state >= 0:
            known = self.firsts.get((node, state))
            if known is not None:
                found = known
                break
            passed.append(state)
            if any(name in self.below[node] for name, options in self.members.states[state].named if options):
                found = state
                break
            state = self.members.states[state].otherwise
        self.firsts |= {(node, each): found for each in passed}
        return found

    def _last(self, state: int) -> int:
        """The state in which no listed name comes any more, or beyond which one has to."""
        while self.members.states[state].otherwise >= 0:
            state = self.members.states[state].otherwise
        return state

    def _others(self, state: int, node: int) -> tuple[int, int] | None:
        """The copy of the names that are not listed, for the members that may come in `state`, and the state in it
        behind the bytes of the trie node.
        """
        if state not in self.copied:
            found = [(cell, self._value(options)) for cell, options in self.members.states[state].others]
            targets = [(cell, target) for cell, target in found if target is not None]
            self.copied[state] = -1
            if targets:
                names = self.assembly.names(tuple(cell for cell, _ in targets))
                self.copied[state] = self.builder.copy(names, [target for _, target in targets])
        copy = self.copied[state]
        if copy < 0:
            return None
        if (copy, node) not in self.reached:
            names = self.builder.copies[copy][0]
            reached = 0
            for byte in self.prefix[node]:
                reached = int(names.table[reached, names.byte_class[byte]]) if reached >= 0 else -1
            self.reached[copy, node] = reached
        reached = self.reached[copy, node]
        return (copy, reached) if reached >= 0 else None

    def _value(self, options: list[tuple[Location, int]]) -> int | None:
        """Behind the closing quote of a name whose value is one of the options; None if none has any text."""
        key = tuple(options)
        if key not in self.valued:
            found = self.assembly.options(options, self.location, self.depth)
            if found is None:
                self.valued[key] = None
            else:
                block, targets = found
                before, colons = self.builder.spaced()
                behind, gates = self.builder.spaced()
                for gate in colons:
                    self.builder.edge(gate, b":", behind)
                self.builder.insert(block, gates, [self._after(target) for target in targets])
                self.valued[key] = before
        return self.valued[key]
