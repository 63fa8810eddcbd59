"""Guaranteed structured output for diffusion language models.

Everything public is here, and nothing is imported before it is used: specs and vocabularies need neither torch nor
transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from constrain.constraint import Constraint as Constraint
    from constrain.constraint import compile as compile
    from constrain.engine.drop_in import constrained as constrained
    from constrain.engine.drop_in_processor import logits_processor as logits_processor
    from constrain.engine.infilling import Infill as Infill
    from constrain.engine.masked_options import MaskedDiffusion as MaskedDiffusion
    from constrain.engine.model import Model as Model
    from constrain.engine.model import Ranking as Ranking
    from constrain.engine.model import Result as Result
    from constrain.engine.model import from_transformers as from_transformers
    from constrain.engine.model import load as load
    from constrain.engine.stopping import StopRule as StopRule
    from constrain.errors import ConstrainError as ConstrainError
    from constrain.errors import LimitError as LimitError
    from constrain.errors import SpecError as SpecError
    from constrain.errors import UnsatisfiableError as UnsatisfiableError
    from constrain.errors import UnsupportedError as UnsupportedError
    from constrain.errors import VocabularyError as VocabularyError
    from constrain.grammar import Grammar as Grammar
    from constrain.puzzle import Puzzle as Puzzle
    from constrain.relations import AllDifferent as AllDifferent
    from constrain.relations import Count as Count
    from constrain.relations import Equal as Equal
    from constrain.relations import Greater as Greater
    from constrain.relations import InSequence as InSequence
    from constrain.relations import Less as Less
    from constrain.relations import Linear as Linear
    from constrain.relations import NotEqual as NotEqual
    from constrain.relations import Relation as Relation
    from constrain.relations import Sum as Sum
    from constrain.relations import Table as Table
    from constrain.relations import Violation as Violation
    from constrain.replies import FreeText as FreeText
    from constrain.replies import Tagged as Tagged
    from constrain.ruled_checks import Filled as Filled
    from constrain.ruled_models import rule as rule
    from constrain.spec import Spec as Spec
    from constrain.specs import Choice as Choice
    from constrain.specs import JsonSchema as JsonSchema
    from constrain.specs import PythonType as PythonType
    from constrain.specs import Regex as Regex
    from constrain.specs import as_spec as as_spec
    from constrain.sudoku import Sudoku as Sudoku
    from constrain.template import Template as Template
    from constrain.text_lengths import Text as Text
    from constrain.tool_calls import ToolCall as ToolCall
    from constrain.tool_calls import ToolCalls as ToolCalls
    from constrain.vocabulary import Vocabulary as Vocabulary

_HOME = {
    "constrain.constraint": ("Constraint", "compile"),
    "constrain.engine.drop_in": ("constrained",),
    "constrain.engine.drop_in_processor": ("logits_processor",),
    "constrain.engine.infilling": ("Infill",),
    "constrain.engine.masked_options": ("MaskedDiffusion",),
    "constrain.engine.model": ("Model", "Ranking", "Result", "from_transformers", "load"),
    "constrain.engine.stopping": ("StopRule",),
    "constrain.errors": (
        "ConstrainError",
        "LimitError",
        "SpecError",
        "UnsatisfiableError",
        "UnsupportedError",
        "VocabularyError",
    ),
    "constrain.puzzle": ("Puzzle",),
    "constrain.relations": (
        "AllDifferent",
        "Count",
        "Equal",
        "Greater",
        "InSequence",
        "Less",
        "Linear",
        "NotEqual",
        "Relation",
        "Sum",
        "Table",
        "Violation",
    ),
    "constrain.replies": ("FreeText", "Tagged"),
    "constrain.grammar": ("Grammar",),
    "constrain.ruled_checks": ("Filled",),
    "constrain.ruled_models": ("rule",),
    "constrain.spec": ("Spec",),
    "constrain.specs": ("Choice", "JsonSchema", "PythonType", "Regex", "as_spec"),
    "constrain.sudoku": ("Sudoku",),
    "constrain.template": ("Template",),
    "constrain.text_lengths": ("Text",),
    "constrain.tool_calls": ("ToolCall", "ToolCalls"),
    "constrain.vocabulary": ("Vocabulary",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'constrain' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
