"""What the scripted policy understands of an instruction: verbs, colours, sides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wall_oss_ros.core.errors import PolicyError

UNDERSTOOD = (
    "'pick up the <colour> cube', "
    "'put the <colour> cube [and the <colour> cube ...] into the tray', "
    "'hand the <colour> cube from the left gripper to the right gripper'"
)

_COLOURS = (
    *("red", "green", "blue", "yellow", "orange", "purple", "pink", "brown"),
    *("black", "white", "grey", "gray"),
)
_HAND_OVER = frozenset({"hand", "pass", "give"})
_PLACE = frozenset({"put", "place", "sort", "drop", "move"})
_PICK = frozenset({"pick", "lift", "grasp", "grab", "take", "raise"})


@dataclass(frozen=True, slots=True)
class Request:
    """An instruction in the policy's terms.

    Attributes:
        action: what to do.
        colours: of the cubes, in the order they are named.
        giver: side that hands over, for "hand_over".
    """

    action: Literal["pick", "place", "hand_over"]
    colours: tuple[str, ...]
    giver: str = "left"


def parse(instruction: str) -> Request:
    """Return what an instruction asks for.

    Raises:
        PolicyError: if it is not one of UNDERSTOOD.
    """
    words = re.findall(r"[a-z]+", instruction.lower())
    known = set(words)
    colours = tuple(dict.fromkeys(word for word in words if word in _COLOURS))
    sides = [word for word in words if word in ("left", "right")]
    if colours and "tray" in known and known & _PLACE:
        return Request("place", colours)
    if len(colours) == 1 and known & _HAND_OVER and sorted(sides) == ["left", "right"]:
        # "to the right gripper from the left one" names the taker first.
        giver = sides[0]
        if "from" in words and "to" in words and words.index("to") < words.index("from"):
            giver = sides[1]
        return Request("hand_over", colours, giver)
    if len(colours) == 1 and known & _PICK and "tray" not in known and not sides:
        return Request("pick", colours)
    raise PolicyError(f"cannot follow '{instruction}'; the scripted policy knows {UNDERSTOOD}")
