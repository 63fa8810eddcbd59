"""The ways of decoding that the evaluation compares: what the constraint may touch, and what is left to the raw model.

A pass of the refine loop uses its belief four times: for the draw that is offered for acceptance, for the entropy that
decides how much of it is accepted, for the logits that are fed back, and for the text that is emitted. A mode says for
each of them whether it comes from the model's raw distribution or from the constrained one. The default mode, `joint`,
is what `Model.generate` does under a spec.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from constrain.engine.stopping import CERTAIN, LIKELY, StopRule
from constrain.errors import SpecError

__all__ = ["ABLATIONS", "MODES", "SHAPE_ABLATIONS", "Mode", "Source", "Thresholds", "modes_named"]

Source = Literal["raw", "constrained"]


class Thresholds(Protocol):
    """The settings of a checkpoint: when it says that a canvas has settled."""

    def stop_rule(self, *, certain: float | None = None, likely: float | None = None) -> StopRule: ...


@dataclass(frozen=True)
class Mode:
    """One way of decoding. All modes but the unconstrained ones are given the spec of an example."""

    name: str
    constraint: Literal["none", "masks", "joint"] = "joint"
    """What is emitted: the raw distribution's best canvas; under the masks of the lattice, the best token of each
    position, whatever the others are; or the best canvas of the joint posterior."""
    parsed: bool = False
    """Without a constraint: the first thing in the text that has the spec's shape is taken for the answer."""
    draw: Source = "constrained"
    """Where the draw that is offered for acceptance comes from."""
    entropy: Source | Literal["both"] = "both"
    """Whose entropy decides how many positions are accepted; both: `Posterior.doubt`."""
    feedback: Source = "constrained"
    """Whose logits the model is conditioned on in the next pass."""
    emission: Literal["map", "sample"] = "map"
    """Whether the best canvas is emitted or a draw. A draw that a check on the text refuses gives way to the best."""
    noise: Literal["vocabulary", "allowed"] = "vocabulary"
    """What canvases are renoised with, from the first on: any token, or those that the masks allow at the position.
    Models of masked diffusion know no noise but the mask."""
    tail: Literal["free", "scored"] = "free"
    """What a position behind the end of turn weighs: nothing, or the model's probability of padding there."""
    whitespace: str | None = None
    """How JSON is spaced, as `JsonSchema` takes it; None: as the spec says. Other specs have no such choice."""
    header: str = ""
    """Forced in front of every answer, and taken off before it is judged."""
    certain: float | None = CERTAIN
    """`StopRule.certain`; without a constraint, never."""
    likely: float | None = LIKELY
    """`StopRule.likely`; without a constraint, and in masked diffusion, never."""
    early: bool = True
    """Whether a canvas may stop before its passes are used up, other than when one text is left."""
    canvas: float = 1.0
    """The length of canvases, as a multiple of the checkpoint's."""

    @property
    def varied(self) -> bool:
        """Whether the refine loop runs otherwise than it does for users, with a constraint or without."""
        usual = Mode("joint")
        return self.constraint != "none" and any(
            getattr(self, name) != getattr(usual, name)
            for name in ("constraint", "draw", "entropy", "feedback", "emission", "noise", "tail")
        )

    def stop(self, settings: Thresholds) -> StopRule:
        """When a canvas stops, by the thresholds of the checkpoint."""
        if not self.early:
            return StopRule(certain=None, confidence=None)
        if self.constraint == "none":
            return settings.stop_rule()
        return settings.stop_rule(certain=self.certain, likely=self.likely)


def _sampled(mode: Mode) -> Mode:
    return replace(mode, name=f"{mode.name}, sampled", emission="sample")


_JOINT = Mode("joint")
_ACCEPTANCE = Mode("joint in acceptance", feedback="raw")
_EMISSION = Mode("joint at emission", draw="raw", entropy="raw", feedback="raw")

MODES: tuple[Mode, ...] = (
    Mode("unconstrained", constraint="none"),
    Mode("unconstrained, parsed", constraint="none", parsed=True),
    Mode("masks", constraint="masks"),
    _EMISSION,
    _ACCEPTANCE,
    _JOINT,
    _sampled(_EMISSION),
    _sampled(_ACCEPTANCE),
    _sampled(_JOINT),
)

ABLATIONS: tuple[Mode, ...] = (
    _JOINT,
    _sampled(_JOINT),
    _EMISSION,
    _ACCEPTANCE,
    Mode("joint, constrained entropy", entropy="constrained"),
    Mode("joint, raw entropy", entropy="raw"),
    Mode("joint, raw entropy and feedback", entropy="raw", feedback="raw"),
    Mode("joint, noise of allowed tokens", noise="allowed"),
    Mode("joint, scored tail", tail="scored"),
    Mode("joint, compact white space", whitespace="compact"),
    Mode("joint, at most one space", whitespace=" ?"),
    Mode("joint, stable by entropy alone", likely=None),
    Mode("joint, stable if best before", likely=1e-9),
    Mode("joint, never certain", certain=None),
    Mode("joint, certain at 0.9", certain=0.9),
    Mode("joint, all passes", early=False),
    Mode("joint, canvas half as long", canvas=0.5),
    Mode("joint, canvas twice as long", canvas=2.0),
)
"""The default mode with one choice changed at a time."""

SHAPE_ABLATIONS: tuple[Mode, ...] = (
    _JOINT,
    _EMISSION,
    _ACCEPTANCE,
    Mode("joint, forced header", header="The solution is:\n"),
    Mode("joint, constrained entropy", entropy="constrained"),
    Mode("joint, raw entropy", entropy="raw"),
    Mode("joint, raw entropy and feedback", entropy="raw", feedback="raw"),
    Mode("joint, noise of allowed tokens", noise="allowed"),
    Mode("joint, scored tail", tail="scored"),
    Mode("joint, all passes", early=False),
)
"""Why a constraint that knows the shape of an answer alone may lower accuracy: each mode restores one suspect.

The header shifts every position that the model believes in. Raw entropy accepts where the model is sure of a token that
is forbidden. Raw feedback shows the model what it may not write. Noise of allowed tokens makes every canvas look clean
to a model that knows noise as any token. The tail behind the end of turn is not scored by default.
"""


def modes_named(names: Sequence[str]) -> list[Mode]:
    """The modes of these names, ablations included, in this order. Raises `SpecError` for an unknown name."""
    known = {mode.name: mode for mode in (*ABLATIONS, *SHAPE_ABLATIONS, *MODES)}
    for name in names:
        if name not in known:
            raise SpecError(f"there is no mode {name!r}", hint="use " + "; ".join(known))
    return [known[name] for name in names]
