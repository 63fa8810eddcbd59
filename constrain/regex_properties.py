r"""The properties that ECMA-262 takes in `\p{...}`, as sets of code points.

General categories come from `unicodedata`. Scripts and binary properties come from the tables of the package `regex`,
which `transformers` brings along; without it they are unknown.
"""

from __future__ import annotations

import re
from functools import cache

from constrain.character_classes import all_text, general_category
from constrain.codepoints import CodePoints

__all__ = ["unicode_property"]

# ECMA-262, table "Binary Unicode property aliases": long and short names.
_BINARY = frozenset({
    "ASCII_Hex_Digit", "AHex", "Alphabetic", "Alpha", "Bidi_Control", "Bidi_C", "Bidi_Mirrored", "Bidi_M",
    "Case_Ignorable", "CI", "Cased", "Changes_When_Casefolded", "CWCF", "Changes_When_Casemapped", "CWCM",
    "Changes_When_Lowercased", "CWL", "Changes_When_NFKC_Casefolded", "CWKCF", "Changes_When_Titlecased", "CWT",
    "Changes_When_Uppercased", "CWU", "Dash", "Default_Ignorable_Code_Point", "DI", "Deprecated", "Dep", "Diacritic",
    "Dia", "Emoji", "Emoji_Component", "EComp", "Emoji_Modifier", "EMod", "Emoji_Modifier_Base", "EBase",
    "Emoji_Presentation", "EPres", "Extended_Pictographic", "ExtPict", "Extender", "Ext", "Grapheme_Base", "Gr_Base",
    "Grapheme_Extend", "Gr_Ext", "Hex_Digit", "Hex", "IDS_Binary_Operator", "IDSB", "IDS_Trinary_Operator", "IDST",
    "ID_Continue", "IDC", "ID_Start", "IDS", "Ideographic", "Ideo", "Join_Control", "Join_C", "Logical_Order_Exception",
    "LOE", "Lowercase", "Lower", "Math", "Noncharacter_Code_Point", "NChar", "Pattern_Syntax", "Pat_Syn",
    "Pattern_White_Space", "Pat_WS", "Quotation_Mark", "QMark", "Radical", "Regional_Indicator", "RI",
    "Sentence_Terminal", "STerm", "Soft_Dotted", "SD", "Terminal_Punctuation", "Term", "Unified_Ideograph", "UIdeo",
    "Uppercase", "Upper", "Variation_Selector", "VS", "White_Space", "space", "XID_Continue", "XIDC", "XID_Start",
    "XIDS",
})  # fmt: skip
_CATEGORY = re.compile(r"(?:General_Category|gc)=(?P<name>.+)")
_SCRIPT = re.compile(r"(?:(?P<exact>Script|sc)|Script_Extensions|scx)=(?P<name>[A-Z][A-Za-z]*(?:_[A-Z][a-z]+)*)")


@cache
def unicode_property(expression: str) -> CodePoints | None:
    r"""The code points of what stands in `\p{...}`; None if ECMA-262 has no such property, or its table is missing."""
    if expression in ("Any", "ASCII"):
        return CodePoints.ANY if expression == "Any" else CodePoints.range(0, 0x7F)
    if expression == "Assigned":
        unassigned = general_category("Cn")
        assert unassigned is not None
        return ~unassigned
    if match := _CATEGORY.fullmatch(expression):
        return general_category(match["name"])
    if match := _SCRIPT.fullmatch(expression):
        return _looked_up(("Script=" if match["exact"] else "Script_Extensions=") + match["name"])
    return _looked_up(expression) if expression in _BINARY else general_category(expression)


def _looked_up(expression: str) -> CodePoints | None:
    """What the package `regex` has in this set."""
    try:
        import regex  # type: ignore[import-untyped]
    except ImportError:
        return None
    try:
        runs = regex.finditer(rf"\p{{{expression}}}+", all_text())
        return CodePoints.of_ranges((run.start(), run.end() - 1) for run in runs)
    except regex.error:
        return None
