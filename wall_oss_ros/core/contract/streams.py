"""What a robot measures: cameras, joints, odometry; and the time base of chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract.checks import check, check_delay
from wall_oss_ros.core.contract.declare import described, quantity


@dataclass(frozen=True, slots=True)
class ActionTiming:
    """The time base of the action chunks."""

    rate: float = quantity("Hz", "rows per second of a chunk, dt = 1 / rate")
    horizon: int = described("rows of one chunk", default=action_space.DEFAULT_HORIZON)

    def __post_init__(self) -> None:
        check(0.0 < self.rate <= 200.0, "rate", f"{self.rate} Hz", "above 0, at most 200 Hz")
        check(2 <= self.horizon <= 512, "horizon", self.horizon, "2 to 512 rows")

    @property
    def dt(self) -> float:
        """Time between rows [s]."""
        return 1.0 / self.rate


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera stream."""

    topic: str = described("image topic, relative")
    label: str = described("name the model knows this camera by, e.g. face_view")
    rate: float = quantity("Hz", "expected frames per second")
    frame: str = described("optical frame, REP-103: z forward, x right, y down")
    transport: Literal["raw", "compressed"] = described(
        "raw: sensor_msgs/Image, compressed: sensor_msgs/CompressedImage", default="raw"
    )
    capture_delay: float = quantity(
        "s", "how much later than the capture the driver's stamp is", default=0.0
    )

    def __post_init__(self) -> None:
        check(0.0 < self.rate <= 1000.0, "rate", f"{self.rate} Hz", "above 0, at most 1000 Hz")
        check_delay(self.capture_delay)


@dataclass(frozen=True, slots=True)
class StateStream:
    """A measured state: joint_states, or odometry as `Odometry`."""

    topic: str = described("topic, relative")
    rate: float = quantity("Hz", "expected messages per second")
    capture_delay: float = quantity(
        "s", "how much later than the measurement the stamp is", default=0.0
    )

    def __post_init__(self) -> None:
        check(0.0 < self.rate <= 5000.0, "rate", f"{self.rate} Hz", "above 0, at most 5000 Hz")
        check_delay(self.capture_delay)


@dataclass(frozen=True, slots=True)
class Odometry(StateStream):
    """The measured pose and twist of the base."""

    frame: str = described("frame of its poses, header.frame_id of its messages", default="odom")
