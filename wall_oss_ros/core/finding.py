"""One line of a check-up: what was looked at, whether it is well, and what to do if not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How well something is."""

    OK = "ok"
    NOTE = "note"  # works, with less than there could be
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        what: was looked at, e.g. "camera head".
        health: how well it is.
        said: what was seen.
        todo: what to do; empty where all is well.
    """

    what: str
    health: Health
    said: str
    todo: str = ""

    def __str__(self) -> str:
        todo = f"; {self.todo}" if self.todo else ""
        return f"{self.health.value:<4}  {self.what}: {self.said}{todo}"
