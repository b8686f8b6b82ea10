"""The robot contract as frozen dataclasses: one robot's names, frames, limits and interfaces.

All values are SI after loading (`schema.py` converts). Field metadata holds the unit and the help
text; `config/robots/*.yaml` are instances. No YAML here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract.declare import described, quantity
from wall_oss_ros.core.errors import ContractError, choices


@dataclass(frozen=True, slots=True)
class Description:
    """Where the URDF is: a path inside an installed package, or an absolute file."""

    path: str = described("path of the URDF inside the package, or absolute without package")
    package: str | None = described("ROS package or Python distribution it is in", default=None)


@dataclass(frozen=True, slots=True)
class ActionTiming:
    """The time base of the action chunks."""

    rate: float = quantity("Hz", "rows per second of a chunk, dt = 1 / rate")
    horizon: int = described("rows of one chunk", default=action_space.DEFAULT_HORIZON)

    def __post_init__(self) -> None:
        _check(0.0 < self.rate <= 200.0, "rate", f"{self.rate} Hz", "above 0, at most 200 Hz")
        _check(2 <= self.horizon <= 512, "horizon", self.horizon, "2 to 512 rows")

    @property
    def dt(self) -> float:
        """Time between rows [s]."""
        return 1.0 / self.rate


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What the checkpoint needs to know about this robot."""

    normalizer_key: str = described("key of the normalisation statistics in the checkpoint")


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
        _check(0.0 < self.rate <= 1000.0, "rate", f"{self.rate} Hz", "above 0, at most 1000 Hz")
        _check_delay(self.capture_delay)


@dataclass(frozen=True, slots=True)
class StateStream:
    """A measured state: joint_states or odometry."""

    topic: str = described("topic, relative")
    rate: float = quantity("Hz", "expected messages per second")
    capture_delay: float = quantity(
        "s", "how much later than the measurement the stamp is", default=0.0
    )

    def __post_init__(self) -> None:
        _check(0.0 < self.rate <= 5000.0, "rate", f"{self.rate} Hz", "above 0, at most 5000 Hz")
        _check_delay(self.capture_delay)


@dataclass(frozen=True, slots=True)
class Joint:
    """Limits and home position of one joint. All are required: an unknown limit is no limit."""

    position: tuple[float, float] = quantity("{joint}", "lower and upper limit", count=2)
    velocity: float = quantity("{joint}/s", "largest speed")
    acceleration: float = quantity("{joint}/s^2", "largest acceleration")
    jerk: float = quantity("{joint}/s^3", "largest jerk")
    home: float = quantity("{joint}", "home position")
    type: Literal["revolute", "prismatic"] = described("decides rad or m", default="revolute")

    def __post_init__(self) -> None:
        low, high = self.position
        _check(low < high, "position", f"{low} .. {high}", "lower limit below upper limit")
        _check(low <= self.home <= high, "home", self.home, f"inside {low} .. {high}")
        _check_positive(self, "velocity", "acceleration", "jerk")


@dataclass(frozen=True, slots=True)
class JointController:
    """A ros2_control controller that takes joint positions."""

    topic: str = described("command topic, relative, e.g. arm_left_controller/joint_trajectory")
    interface: Literal["joint_trajectory", "position_array"] = described(
        "joint_trajectory: trajectory_msgs/JointTrajectory with positions and velocities; "
        "position_array: std_msgs/Float64MultiArray of positions",
        default="joint_trajectory",
    )


@dataclass(frozen=True, slots=True)
class Tool:
    """The point whose pose is the end-effector pose: a link of the URDF and a fixed offset."""

    link: str = described("link of the URDF")
    xyz: tuple[float, float, float] = quantity("m", "offset in the link's frame", count=3)
    rpy: tuple[float, float, float] = quantity("rad", "roll, pitch, yaw of the offset", count=3)


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned box in the arm's frame."""

    min: tuple[float, float, float] = quantity("m", "corner with the small coordinates", count=3)
    max: tuple[float, float, float] = quantity("m", "corner with the large coordinates", count=3)

    def __post_init__(self) -> None:
        _check(
            all(low < high for low, high in zip(self.min, self.max, strict=True)),
            "min",
            f"{self.min} .. {self.max}",
            "each minimum below its maximum",
        )


@dataclass(frozen=True, slots=True)
class ToolSpeed:
    """Speed limits of an end effector."""

    linear: float = quantity("m/s", "largest speed of the tool point")
    angular: float = quantity("rad/s", "largest turning speed of the tool")

    def __post_init__(self) -> None:
        _check_positive(self, "linear", "angular")


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm."""

    frame: str = described("link that its end-effector poses are expressed in")
    tool: Tool = described("tool point")
    controller: JointController = described("its controller")
    joints: Mapping[str, Joint] = described("joints from shoulder to wrist")
    workspace: Box = described("where the tool may be, in the arm's frame")
    speed: ToolSpeed = described("end-effector speed limits")


@dataclass(frozen=True, slots=True)
class Gripper:
    """One gripper: a joint between closed and open, and the model's numbers for both."""

    joint: str = described("driven joint")
    closed: float = quantity("{joint}", "joint position when closed")
    open: float = quantity("{joint}", "joint position when open")
    velocity: float = quantity("{joint}/s", "largest speed of the joint")
    controller: JointController = described("its controller")
    type: Literal["revolute", "prismatic"] = described("decides rad or m", default="revolute")
    model_closed: float = described("the model's number for closed", default=0.0)
    model_open: float = described("the model's number for open", default=1.0)

    def __post_init__(self) -> None:
        _check(self.closed != self.open, "open", self.open, "another position than closed")
        _check(
            self.model_closed != self.model_open,
            "model_open",
            self.model_open,
            "another number than model_closed",
        )
        _check_positive(self, "velocity")

    def opening_from_joint(self, position: float) -> float:
        """Return the opening, 0 closed to 1 open, of a joint position (not clipped)."""
        return (position - self.closed) / (self.open - self.closed)

    def joint_from_opening(self, opening: float) -> float:
        """Return the joint position of an opening, clipped to 0..1."""
        return self.closed + min(max(opening, 0.0), 1.0) * (self.open - self.closed)

    def opening_from_model(self, value: float) -> float:
        """Return the opening of the model's number (not clipped)."""
        return (value - self.model_closed) / (self.model_open - self.model_closed)

    def model_from_opening(self, opening: float) -> float:
        """Return the model's number for an opening."""
        return self.model_closed + opening * (self.model_open - self.model_closed)


@dataclass(frozen=True, slots=True)
class BaseController:
    """The velocity interface of the base."""

    topic: str = described("command topic, relative, e.g. cmd_vel")
    interface: Literal["twist_stamped", "twist"] = described(
        "geometry_msgs/TwistStamped or Twist", default="twist_stamped"
    )


@dataclass(frozen=True, slots=True)
class Base:
    """A mobile base that is driven by velocities in its own frame."""

    controller: BaseController = described("its controller")
    linear_velocity: float = quantity("m/s", "largest speed in the plane")
    angular_velocity: float = quantity("rad/s", "largest turning speed")
    linear_acceleration: float = quantity("m/s^2", "largest acceleration in the plane")
    angular_acceleration: float = quantity("rad/s^2", "largest turning acceleration")
    holonomic: bool = described("whether it can move sideways", default=False)

    def __post_init__(self) -> None:
        _check_positive(self, "linear_velocity", "angular_velocity")
        _check_positive(self, "linear_acceleration", "angular_acceleration")


@dataclass(frozen=True, slots=True)
class Lift:
    """A lift (torso) with one joint."""

    joints: Mapping[str, Joint] = described("exactly one joint")
    controller: JointController = described("its controller")

    def __post_init__(self) -> None:
        _check(len(self.joints) == 1, "joints", list(self.joints), "exactly one joint")


@dataclass(frozen=True, slots=True)
class Head:
    """A pan-tilt head: two joints, pan first."""

    joints: Mapping[str, Joint] = described("pan joint, tilt joint")
    controller: JointController = described("its controller")

    def __post_init__(self) -> None:
        _check(len(self.joints) == 2, "joints", list(self.joints), "pan joint and tilt joint")


@dataclass(frozen=True)
class RobotContract:
    """Everything the suite must know about one robot."""

    name: str = described("name of this robot")
    description: Description = described("its URDF")
    base_frame: str = described("frame of chunks, markers and zones, e.g. base_footprint")
    action: ActionTiming = described("time base of the action chunks")
    model: ModelSettings = described("what the checkpoint needs to know")
    cameras: Mapping[str, Camera] = described("cameras by name, in the model's order")
    joint_states: StateStream = described("measured joints")
    arms: Mapping[str, Arm] = described("left and right")
    grippers: Mapping[str, Gripper] = described("left and right")
    odometry: StateStream | None = described("measured base twist", default=None)
    base: Base | None = described("mobile base", default=None)
    lift: Lift | None = described("lift", default=None)
    head: Head | None = described("head", default=None)

    def __post_init__(self) -> None:
        for key in ("arms", "grippers"):
            sides = tuple(getattr(self, key))
            if sorted(sides) != sorted(action_space.SIDES):
                raise ContractError(
                    f"{key}: got {choices(sides)}; expected {choices(action_space.SIDES)}"
                )
        _check(len(self.cameras) > 0, "cameras", "none", "at least one camera")
        labels = [camera.label for camera in self.cameras.values()]
        _check(len(set(labels)) == len(labels), "cameras", labels, "a different label each")
        names = self.joint_names
        twice = sorted({name for name in names if names.count(name) > 1})
        _check(not twice, "joints", twice, "each joint in one part only")
        _check(
            (self.base is None) == (self.odometry is None),
            "odometry",
            "one of base and odometry",
            "both or neither: the base velocity is part of the state",
        )
        commanded = self.controller_topics
        shared = sorted({topic for topic in commanded if commanded.count(topic) > 1})
        _check(not shared, "controller", shared, "a topic of its own for each part")
        inputs = (*self.cameras.values(), self.joint_states, self.odometry)
        topics = [stream.topic for stream in inputs if stream is not None]
        wrong = [topic for topic in (*topics, *self.controller_topics) if topic.startswith("/")]
        _check(not wrong, "topic", wrong, "relative topic names, so that a namespace moves them")

    @cached_property
    def joint_names(self) -> tuple[str, ...]:
        """Every joint: left arm and gripper, right arm and gripper, lift, head."""
        names: list[str] = []
        for side in action_space.SIDES:
            names += [*self.arms[side].joints, self.grippers[side].joint]
        for part in (self.lift, self.head):
            names += list(part.joints) if part is not None else []
        return tuple(names)

    @cached_property
    def limited_joints(self) -> Mapping[str, Joint]:
        """Joints with full limits, by name (grippers have a range and a speed instead)."""
        joints: dict[str, Joint] = {}
        for side in action_space.SIDES:
            joints.update(self.arms[side].joints)
        for part in (self.lift, self.head):
            joints.update(part.joints if part is not None else {})
        return joints

    @cached_property
    def joint_ranges(self) -> Mapping[str, tuple[float, float]]:
        """Smallest and largest position [rad] or [m] of every joint, grippers included."""
        ranges = {name: joint.position for name, joint in self.limited_joints.items()}
        for gripper in self.grippers.values():
            low, high = sorted((gripper.closed, gripper.open))
            ranges[gripper.joint] = (low, high)
        return ranges

    @cached_property
    def part_joints(self) -> Mapping[str, tuple[str, ...]]:
        """Joint names per part of the action space, in controller order; without the base."""
        parts: dict[str, tuple[str, ...]] = {}
        for side in action_space.SIDES:
            parts[f"{side}_arm"] = tuple(self.arms[side].joints)
            parts[f"{side}_gripper"] = (self.grippers[side].joint,)
        if self.lift is not None:
            parts["lift"] = tuple(self.lift.joints)
        if self.head is not None:
            parts["head"] = tuple(self.head.joints)
        return parts

    @cached_property
    def joint_controllers(self) -> Mapping[str, JointController]:
        """Controller per part of `part_joints`."""
        controllers: dict[str, JointController] = {}
        for side in action_space.SIDES:
            controllers[f"{side}_arm"] = self.arms[side].controller
            controllers[f"{side}_gripper"] = self.grippers[side].controller
        if self.lift is not None:
            controllers["lift"] = self.lift.controller
        if self.head is not None:
            controllers["head"] = self.head.controller
        return controllers

    @property
    def controller_topics(self) -> tuple[str, ...]:
        """Every topic that moves the robot; only the safety supervisor may publish them."""
        topics = [controller.topic for controller in self.joint_controllers.values()]
        return (*topics, *([self.base.controller.topic] if self.base is not None else []))

    @cached_property
    def home(self) -> Mapping[str, float]:
        """Home position [rad] or [m] of every joint; grippers open."""
        home = {name: joint.home for name, joint in self.limited_joints.items()}
        home.update({gripper.joint: gripper.open for gripper in self.grippers.values()})
        return home

    @cached_property
    def commanded_parts(self) -> frozenset[str]:
        """Parts of the action space this robot has."""
        return frozenset({*self.part_joints, *(["base"] if self.base is not None else [])})

    @cached_property
    def schema_hash(self) -> str:
        """Hash of what policy and robot must agree on: names, units, frames, dimensions, dt."""
        lines = [
            f"{column.name} {column.start} {column.size} {column.unit} {column.relative}"
            for column in action_space.FIELDS
        ]
        lines += [f"dt {self.action.dt!r}", f"horizon {self.action.horizon}"]
        lines += [f"base {self.base_frame}", f"normalizer {self.model.normalizer_key}"]
        for side in action_space.SIDES:
            arm, gripper = self.arms[side], self.grippers[side]
            lines.append(f"{side} {arm.frame} {arm.tool}")
            lines.append(f"{side} gripper {gripper.model_closed} {gripper.model_open}")
        lines += [f"camera {name} {camera.label}" for name, camera in self.cameras.items()]
        lines += [f"parts {sorted(self.commanded_parts)}"]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _check(good: bool, key: str, got: object, expected: str) -> None:
    if not good:
        raise ContractError(f"{key}: got {got}; expected {expected}")


def _check_positive(part: object, *names: str) -> None:
    for name in names:
        _check(getattr(part, name) > 0.0, name, getattr(part, name), "above 0")


def _check_delay(delay: float) -> None:
    _check(0.0 <= delay <= 1.0, "capture_delay", f"{delay} s", "0 to 1 s")
