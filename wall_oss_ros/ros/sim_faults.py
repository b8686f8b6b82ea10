"""The faults that the simulated robot can be told to have: which there are, and what they do."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import choices
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.ros.stamps import to_stamp

CAMERA_FAULTS = ("none", "silence", "freeze", "stall", "past", "resize", "encoding")
JOINT_FAULTS = ("none", "silence", "nan", "missing", "duplicate")
ODOMETRY_FAULTS = ("none", "silence")
CONTROLLER_FAULTS = ("none", "deaf", "gone")
CLOCK_FAULTS = ("none", "jump", "jump_back")

# What "past" and the jumps of the clock are [ns].
PAST_NS = 10_000_000_000
JUMP_NS = 5_000_000_000
# An encoding that no converter knows.
ODD_ENCODING = "infrared5"


class SimFaults:
    """Which stream has which fault now.

    The service's thread sets them, the publishing and stepping threads read them: one word per
    stream.
    """

    def __init__(self, contract: RobotContract, with_clock: bool) -> None:
        """Begin without faults.

        Args:
            contract: names cameras and parts.
            with_clock: whether there is a simulated clock that could jump.
        """
        self._with_clock = with_clock
        self.streams: Mapping[str, tuple[str, ...]] = {
            **dict.fromkeys(contract.cameras, CAMERA_FAULTS),
            "joint_states": JOINT_FAULTS,
            **({"odometry": ODOMETRY_FAULTS} if contract.odometry is not None else {}),
            **dict.fromkeys(contract.commanded_parts, CONTROLLER_FAULTS),
            "clock": CLOCK_FAULTS,
        }
        self._present: dict[str, str] = {}
        self._jumps: deque[int] = deque()

    def inject(self, stream: str, fault: str) -> str | None:
        """Give a stream a fault, or heal it with "none"; return None, or why not."""
        if stream not in self.streams:
            return f"unknown stream '{stream}'; valid: {choices(self.streams)}"
        if fault not in self.streams[stream]:
            return f"unknown fault '{fault}' of '{stream}'; valid: {choices(self.streams[stream])}"
        if stream == "clock":
            return self._move_clock(fault)
        self._present[stream] = fault
        return None

    def of(self, stream: str) -> str:
        """Return the fault a stream has now, or "none"."""
        return self._present.get(stream, "none")

    def take_clock_jump_ns(self) -> int:
        """Return by how much the clock is to jump now [ns]; 0 when asked again."""
        return self._jumps.popleft() if self._jumps else 0

    def _move_clock(self, fault: str) -> str | None:
        if not self._with_clock:
            return (
                "the clock is that of this machine and is left alone; only a graph started with "
                "use_sim_time:=true has a clock that can jump"
            )
        self._jumps.append({"none": 0, "jump": JUMP_NS, "jump_back": -JUMP_NS}[fault])
        return None


def spoiled_joints(message: JointState, fault: str) -> JointState:
    """Return measured joints as a driver with a fault gives them; changes the message."""
    if fault == "nan":
        message.position[0] = float("nan")
    elif fault == "missing":
        message.name = message.name[1:]
        message.position, message.velocity = message.position[1:], message.velocity[1:]
    elif fault == "duplicate":
        message.name = [*message.name, message.name[0]]
        message.position = [*message.position, message.position[0]]
        message.velocity = [*message.velocity, message.velocity[0]]
    return message


def spoiled_pixels(pixels: NDArray[np.uint8], fault: str) -> NDArray[np.uint8]:
    """Return a picture (h, w, 3) as a camera with a fault takes it: half the size on "resize"."""
    return np.ascontiguousarray(pixels[::2, ::2]) if fault == "resize" else pixels


def spoiled_image(message: Image, fault: str) -> Image:
    """Return a picture as a driver with a fault sends it; changes the message."""
    if fault == "past":
        message.header.stamp = to_stamp(to_ns(message.header.stamp) - PAST_NS)
    elif fault == "encoding":
        message.encoding = ODD_ENCODING
    return message
