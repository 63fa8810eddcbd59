"""From the text of a Lark grammar to context-free rules: names, imports, overrides and templates.

What shapes only the parse tree changes no language and is passed over: aliases, `?rule`, `!rule`, `_rule`, and
priorities, which choose among the derivations of an ambiguous text but never decide whether there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from constrain.automaton import Automaton
from constrain.context_free import Body, Choice, Reference, Repetition, Rules, Sequenced, Terminal
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.following import following
from constrain.ignored_texts import Ignored
from constrain.lark_language import as_token, as_tree, position_of, syntax_tree
from constrain.lark_terminals import Pattern, Terminals, counts_of
from constrain.lexemes import Lexemes, lexemes

if TYPE_CHECKING:
    from lark import Token

    from constrain.lark_language import Child, Tree

__all__ = ["read_lark", "shipped", "shipped_text"]

MAX_INSTANCES = 1_000  # of templates, whose arguments may grow without end


def shipped() -> list[str]:
    """The names of the grammars that come with the package."""
    found = (entry.name for entry in (files("constrain") / "grammars").iterdir())
    return sorted(name.removesuffix(".lark") for name in found if name.endswith(".lark"))


def shipped_text(name: str) -> str:
    """The text of a grammar that comes with the package."""
    if name not in shipped():
        raise SpecError(f"there is no grammar {name!r}", keyword=name, hint=f"those that ship: {', '.join(shipped())}")
    return (files("constrain") / "grammars" / f"{name}.lark").read_text(encoding="utf-8")


def read_lark(source: str, start: str = "start") -> Rules:
    """The rules of a grammar. Raises `SpecError` for what is malformed or means nothing, with line, column and a caret,
    `UnsupportedError` for what Lark has and this has not.
    """
    return _Reading(_File(source)).rules(start)


@dataclass(frozen=True)
class _Definition:
    """What a name stands for: alternatives, each with the file in whose names it is written."""

    alternatives: tuple[tuple[Tree, _File], ...]
    parameters: tuple[str, ...]
    position: int


class _File:
    """The definitions of one grammar text. `name` is None for the text that the user wrote."""

    def __init__(self, source: str, name: str | None = None) -> None:
        self.source = source
        self.name = name
        self.definitions: dict[str, _Definition] = {}
        self.imported: dict[str, tuple[_File, str]] = {}
        self.ignored: list[Tree] = []
        files: dict[str, _File] = {}
        statements = [as_tree(child) for child in syntax_tree(source).children]
        for tree in statements:
            if tree.data == "import_":
                self._import(tree, files)
        for tree in statements:
            self._state(tree)

    def error(self, message: str, place: Child, *, hint: str | None = None) -> SpecError:
        return SpecError(message, source=self.source, position=position_of(place), hint=hint)

    def label(self, name: str) -> str:
        """A name that is different from those of other files."""
        return name if self.name is None else f"{self.name}.{name}"

    def find(self, name: Token) -> tuple[_File, str, _Definition]:
        """The file that defines a name, its name there, and the definition."""
        file, local = self.imported.get(name, (self, str(name)))
        if local not in file.definitions:
            kind = "terminal" if name.isupper() else "rule"
            raise self.error(f"{kind} `{name}` is not defined", name)
        return file, local, file.definitions[local]

    def _state(self, tree: Tree) -> None:
        match tree.data, tree.children:
            case "rule" | "terminal", _:
                name, definition = self._definition(tree)
                if name in self.definitions or name in self.imported:
                    raise self.error(f"`{name}` is defined twice", name, hint="use %override or %extend")
                self.definitions[name] = definition
            case "override" | "extend", (inner,):
                assert inner is not None
                name, definition = self._definition(as_tree(inner))
                file, local, known = self.find(name)
                if known.parameters != definition.parameters:
                    raise self.error(f"`{name}` has other parameters where it is defined", name)
                if tree.data == "extend":
                    definition = replace(known, alternatives=definition.alternatives + known.alternatives)
                file.definitions[local] = definition
            case "ignore", (choice,):
                self.ignored.append(as_tree(choice))
            case "declare", _:
                raise UnsupportedError(
                    "%declare is not supported: a declared terminal has no texts of its own",
                    source=self.source,
                    position=position_of(tree),
                    keyword="%declare",
                    hint="define the terminal",
                )

    def _definition(self, tree: Tree) -> tuple[Token, _Definition]:
        """The name that a `rule` or `terminal` defines, and its definition."""
        *head, choice = tree.children
        name = as_token(head[0] if tree.data == "terminal" else head[1])
        parameters: tuple[str, ...] = ()
        if tree.data == "rule" and head[2] is not None:
            parameters = tuple(str(child) for child in as_tree(head[2]).children)
            if len(set(parameters)) < len(parameters):
                raise self.error(f"template `{name}` has two parameters of the same name", head[2])
        return name, _Definition(((as_tree(choice), self),), parameters, position_of(name))

    def _import(self, tree: Tree, files: dict[str, _File]) -> None:
        path, what = tree.children
        relative, *names = as_tree(path).children
        if relative is not None:
            raise UnsupportedError(
                "imports of files are not supported",
                source=self.source,
                position=position_of(relative),
                keyword="%import",
                hint=f"copy the rules; the grammars that ship can be imported: {', '.join(shipped())}",
            )
        tokens = [as_token(as_tree(name).children[0]) for name in names]
        if what is not None and as_tree(what).data == "names":
            wanted = [(name, name) for name in (as_token(as_tree(name).children[0]) for name in as_tree(what).children)]
        else:
            last = tokens.pop()
            wanted = [(last, last if what is None else as_token(as_tree(what).children[0]))]
        library = ".".join(tokens)
        if library not in shipped():
            raise self.error(
                f"there is no grammar `{library}` to import from"
                if library
                else "an import names a grammar and a rule",
                tree,
                hint=f"those that ship: {', '.join(shipped())}",
            )
        if library not in files:
            files[library] = _File(shipped_text(library), library)
        for name, alias in wanted:
            if name not in files[library].definitions:
                raise self.error(f"grammar `{library}` does not define `{name}`", name)
            if name.isupper() != alias.isupper():
                raise self.error("terminals have names in upper case, rules in lower case", alias)
            if alias in self.imported:
                raise self.error(f"`{alias}` is imported twice", alias)
            self.imported[alias] = files[library], str(name)


class _Reading:
    """Turns definitions into bodies, those of other files and instances of templates as they are needed."""

    def __init__(self, file: _File) -> None:
        self.file = file
        self.bodies: dict[str, Body] = {}
        self.positions: dict[str, int] = {}
        self.wanted: list[tuple[str, _Definition, Mapping[str, Body]]] = []
        self.seen: set[str] = set()
        self.instances = 0
        self.open: list[tuple[_File, str]] = []  # the terminals being read, each inside the one before
        self.patterns: dict[tuple[int, str], Pattern] = {}
        self.ignored = Ignored(())
        self.terminals: dict[str, Terminal] = {}
        self.looking: dict[str, tuple[frozenset[int], Tree, _File]] = {}  # the bytes that may not follow, the place

    def rules(self, start: str) -> Rules:
        for name, definition in self.file.definitions.items():
            if name.islower() and not definition.parameters:
                self._want(self.file, name, definition)
            elif not name.islower():
                self._named(self.file, name, definition)
        if start in self.file.imported:
            file, local = self.file.imported[start]
            self._want(file, local, file.definitions[local])
            start = file.label(local)
        self.ignored = Ignored(tuple(self._ignored(tree) for tree in self.file.ignored))
        for label, definition, bindings in self.wanted:  # which grows
            parts = [self._body(tree, file, bindings) for tree, file in definition.alternatives]
            self.bodies[label] = parts[0] if len(parts) == 1 else Choice(tuple(parts))
        trailing = self.ignored.trailing if self.ignored.automata else None
        rules = Rules(start, self.bodies, trailing, self.file.source, self.positions)
        self._check_what_follows(rules)
        return rules

    def _want(self, file: _File, name: str, definition: _Definition, arguments: tuple[Body, ...] = ()) -> str:
        label = file.label(name)
        if arguments:
            label += "{" + ", ".join(map(_label, arguments)) + "}"
        if label not in self.seen:
            self.seen.add(label)
            self.wanted.append((label, definition, dict(zip(definition.parameters, arguments, strict=True))))
            if definition.alternatives[0][1] is self.file:
                self.positions[label] = definition.position
        return label

    def _body(self, tree: Tree, file: _File, bindings: Mapping[str, Body]) -> Body:
        match tree.data, tree.children:
            case "choice", parts:
                choices = tuple(self._body(as_tree(part), file, bindings) for part in parts)
                return choices[0] if len(choices) == 1 else Choice(choices)
            case "sequence", parts:
                sequence = tuple(self._body(as_tree(part), file, bindings) for part in parts)
                return sequence[0] if len(sequence) == 1 else Sequenced(sequence)
            case "alias", (part, _):
                return self._body(as_tree(part), file, bindings)
            case "optional", (part,):
                return Repetition(self._body(as_tree(part), file, bindings), 0, 1)
            case "repeated", (part, *_):
                return Repetition(self._body(as_tree(part), file, bindings), *counts_of(file.source, tree))
            case "symbol", (name,):
                token = as_token(as_tree(name).children[0])
                if token in bindings:
                    return bindings[token]
                owner, local, definition = file.find(token)
                if token.isupper():
                    return self._terminal(owner.label(local), self._named(owner, local, definition), tree, file)
                if definition.parameters:
                    raise file.error(f"template `{token}` needs {len(definition.parameters)} arguments", token)
                return Reference(self._want(owner, local, definition), position_of(tree))
            case "usage", (name, *values):
                return self._instance(
                    as_token(name), [self._body(as_tree(each), file, bindings) for each in values], file
                )
        label = "..".join(map(str, tree.children))
        return self._terminal(label, self._terminals(file).pattern(tree), tree, file)

    def _instance(self, name: Token, arguments: list[Body], file: _File) -> Body:
        owner, local, definition = file.find(name)
        if len(definition.parameters) != len(arguments):
            raise file.error(
                f"`{name}` takes {len(definition.parameters)} arguments, and {len(arguments)} are given", name
            )
        known = len(self.seen)
        label = self._want(owner, local, definition, tuple(arguments))
        self.instances += len(self.seen) - known
        if self.instances > MAX_INSTANCES:
            raise LimitError(
                f"templates are used with more than {MAX_INSTANCES:,} different arguments",
                limit=MAX_INSTANCES,
                given=self.instances,
                hint="a template that uses itself must give the same arguments again",
            )
        return Reference(label, position_of(name))

    def _terminals(self, file: _File) -> Terminals:
        return Terminals(file.source, lambda name: self._named(*file.find(name)))

    def _named(self, file: _File, name: str, definition: _Definition) -> Pattern:
        """The pattern of a terminal. What extends it stands in groups before its own alternatives."""
        key = id(file), name
        if (file, name) in self.open:
            raise file.error(f"terminal `{name}` contains itself", definition.alternatives[0][0])
        if key not in self.patterns:
            self.open.append((file, name))
            *added, (own, written) = definition.alternatives
            parts = [self._terminals(each).pattern(tree) for tree, each in added]
            parts += [self._terminals(written).pattern(as_tree(part)) for part in own.children]
            self.patterns[key] = Pattern.choice(parts)
            self.open.pop()
        return self.patterns[key]

    def _ignored(self, tree: Tree) -> Automaton:
        found = self._lexemes("%ignore", self._terminals(self.file).pattern(tree), tree, self.file)
        if found.excluded:
            raise self._looking("%ignore", tree, self.file)
        return found.automaton

    def _terminal(self, label: str, pattern: Pattern, place: Tree, file: _File) -> Terminal:
        """The terminal with what is ignored before it."""
        if label not in self.terminals:
            found = self._lexemes(label, pattern, place, file)
            automaton = self.ignored.before(found.automaton)
            if automaton is None:
                raise UnsupportedError(
                    f"before {label}, what is ignored may end in several places",
                    source=file.source,
                    position=position_of(place),
                    keyword="%ignore",
                    hint="Lark ignores as much as it can: let %ignore stop where it has to, as /[*].*?[*]/ does",
                )
            self.terminals[label] = Terminal(label, automaton)
            if found.excluded:
                self.looking[label] = found.excluded, place, file
        return self.terminals[label]

    def _lexemes(self, label: str, pattern: Pattern, place: Tree, file: _File) -> Lexemes:
        try:
            found = lexemes(pattern.node)
        except LimitError as error:
            error.message = f"{label}: {error.message}"
            raise
        if found is None:
            raise self._looking(label, place, file)
        if found.automaton.accepting[0]:
            raise file.error(
                f"{label} matches the empty text, and a terminal has at least one character",
                place,
                hint="make it optional where it is used",
            )
        if found.automaton.is_empty():
            raise file.error(f"{label} matches no text", place)
        return found

    def _check_what_follows(self, rules: Rules) -> None:
        """Refuse terminals that mind what follows them, where it may follow."""
        behind = following(rules) if self.looking else {}
        for label, (excluded, place, file) in self.looking.items():
            if minded := excluded & behind.get(label, frozenset()):
                raise self._looking(label, place, file, f", and {chr(min(minded))!r} may follow it")

    @staticmethod
    def _looking(label: str, place: Tree, file: _File, why: str = "") -> UnsupportedError:
        return UnsupportedError(
            f"{label} looks at the text around it{why}",
            source=file.source,
            position=position_of(place),
            hint="a terminal is matched by itself: say by its characters, or in rules, what may stand beside it",
        )


def _label(body: Body) -> str:
    return body.rule if isinstance(body, Reference) else body.label if isinstance(body, Terminal) else repr(body)
