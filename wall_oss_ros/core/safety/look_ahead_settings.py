"""How much a chunk may ask for before looking ahead cuts it."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.settings import Settings, setting


@dataclass(frozen=True, slots=True)
class LookAheadSettings(Settings):
    """Tolerances of looking ahead.

    A chunk is noisy, and the executor and the supervisor's governor slow, clip and stop what is a
    little too much. What is cut here is so much that the rest of the chunk is not to be trusted.
    """

    jump_position: float = setting(
        0.3, "largest distance of a tool to the first row that is followed [m]", low=0.01, high=5.0
    )
    jump_rotation: float = setting(1.2, "the same for its orientation [rad]", low=0.05, high=3.2)
    reach_position: float = setting(
        0.03,
        "how far a tool may stay from a row that the arm does not reach [m]",
        low=0.002,
        high=1,
    )
    reach_rotation: float = setting(0.3, "the same for its orientation [rad]", low=0.01, high=3.2)
    speed_factor: float = setting(
        1.5, "largest speed of tools and base from row to row, in parts of their limits", low=1.0
    )
    joint_speed_factor: float = setting(
        2.5, "largest speed of the arms' joints from row to row, in parts of their limits", low=1.0
    )
    range_tolerance: float = setting(
        0.5,
        "how far outside their range a gripper, lift or head may be commanded, in parts of the "
        "range; up to there they are clipped",
        low=0.0,
    )
