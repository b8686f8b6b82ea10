"""The seam of geometry: a barrier says how far a posture is from what it must not touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wall_oss_ros.core.kinematics import Survey


@dataclass(frozen=True, slots=True)
class Gap:
    """One distance of a posture.

    Attributes:
        distance: to what must not be touched [m]; negative beyond it.
        margin: below this distance, motion that shrinks it slows down [m].
        what: in words, e.g. "left tool to zone 'table'"; the same text for the same gap of any
            posture, so that two postures can be compared.
    """

    distance: float
    margin: float
    what: str


class Barrier(Protocol):
    """A set of gaps that must stay positive: workspace, zones, distance between the arms."""

    @property
    def name(self) -> str:
        """Name in verdicts and counters."""

    @property
    def links(self) -> Sequence[str]:
        """Links whose pose the survey must hold."""

    def gaps(self, survey: Survey) -> Sequence[Gap]:
        """Return every gap of a posture, always in the same order."""
