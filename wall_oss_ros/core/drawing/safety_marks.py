"""What safety says, in words above the robot: how near it is to what it must stay clear of."""

from __future__ import annotations

import math

import numpy as np

from wall_oss_ros.core.drawing.marks import Colour, Mark, MarkKind, one_colour

_FAR: Colour = (0.8, 0.8, 0.8, 0.8)
_NEAR: Colour = (1.0, 0.6, 0.1, 1.0)
_STOPPED: Colour = (1.0, 0.2, 0.2, 1.0)
# Below this distance it is said in another colour [m].
_NEAR_M = 0.05
_PLACE, _LETTERS = (0.0, 0.0, 1.9), 0.05


def safety_marks(
    frame: str,
    gaps: list[tuple[str, float]],
    causes: list[str],
) -> list[Mark]:
    """Return one text; none where there is nothing to say.

    Args:
        frame: base frame of the robot.
        gaps: what is near, and how far it is [m]; NaN where that is unknown.
        causes: why motion was revoked.
    """
    known = [(what, distance) for what, distance in gaps if math.isfinite(distance)]
    words = [f"{what}: {distance:.3f} m" for what, distance in known]
    words += [f"stopped: {cause}" for cause in causes]
    if not words:
        return []
    near = any(distance < _NEAR_M for _, distance in known)
    colour = _STOPPED if causes else _NEAR if near else _FAR
    place = np.array([_PLACE])
    text = "\n".join(words)
    return [Mark("safety", 0, MarkKind.TEXT, frame, place, one_colour(colour), _LETTERS, text)]
