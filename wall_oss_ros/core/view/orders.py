"""What a person at a browser can ask for, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Order(Enum):
    """One button, or one field with its button."""

    ESTOP = "e-stop"
    RESET = "reset"
    ENABLE = "enable motion"
    DISABLE = "disable motion"
    SPEED = "speed"
    INSTRUCT = "instruction"
    RECORD = "start recording"
    KEEP = "stop recording"
    DISCARD = "discard recording"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class Asked:
    """One press of a button.

    Attributes:
        order: what is asked for.
        client: number of the browser.
        text: instruction, or notes of an episode.
        outcome: of an episode: success, failure, aborted; empty: unlabelled.
        number: speed scale, 0 to 1.
    """

    order: Order
    client: int
    text: str = ""
    outcome: str = ""
    number: float = 0.0


# Takes what is asked and a function that is told what became of it: whether it was done, in words.
Ask = Callable[[Asked, Callable[[bool, str], None]], None]
