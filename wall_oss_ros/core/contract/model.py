"""The robot contract: one robot's names, frames, limits and interfaces, as frozen dataclasses.

All values are SI after loading (`schema.py` converts). Field metadata holds the unit and the help
text; `config/robots/*.yaml` are instances. No YAML here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract.arms import Arm, ArmController
from wall_oss_ros.core.contract.base import Base
from wall_oss_ros.core.contract.checks import check
from wall_oss_ros.core.contract.declare import described
from wall_oss_ros.core.contract.joints import Gripper, Head, Joint, JointController, Lift
from wall_oss_ros.core.contract.streams import ActionTiming, Camera, Odometry, StateStream
from wall_oss_ros.core.contract.zones import Clearance, Zone, check_zones
from wall_oss_ros.core.errors import ContractError, choices
from wall_oss_ros.core.read_only import read_only


@dataclass(frozen=True, slots=True)
class Description:
    """Where the URDF is: a path inside an installed package, or an absolute file."""

    path: str = described("path of the URDF inside the package, or absolute without package")
    package: str | None = described("ROS package or Python distribution it is in", default=None)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What the checkpoint needs to know about this robot."""

    normalizer_key: str = described("key of the normalisation statistics in the checkpoint")


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
    odometry: Odometry | None = described("measured base pose and twist", default=None)
    base: Base | None = described("mobile base", default=None)
    lift: Lift | None = described("lift", default=None)
    head: Head | None = described("head", default=None)
    clearance: Clearance | None = described(
        "distance between the arms and of the arms to the body", default=None
    )
    zones: Mapping[str, Zone] = described("zones by name", default_factory=lambda: read_only({}))

    def __post_init__(self) -> None:
        for key in ("arms", "grippers"):
            sides = tuple(getattr(self, key))
            if sorted(sides) != sorted(action_space.SIDES):
                raise ContractError(
                    f"{key}: got {choices(sides)}; expected {choices(action_space.SIDES)}"
                )
        check(len(self.cameras) > 0, "cameras", "none", "at least one camera")
        labels = [camera.label for camera in self.cameras.values()]
        check(len(set(labels)) == len(labels), "cameras", labels, "a different label each")
        names = self.joint_names
        twice = sorted({name for name in names if names.count(name) > 1})
        check(not twice, "joints", twice, "each joint in one part only")
        check(
            (self.base is None) == (self.odometry is None),
            "odometry",
            "one of base and odometry",
            "both or neither: the base velocity is part of the state",
        )
        commanded = self.controller_topics
        shared = sorted({topic for topic in commanded if commanded.count(topic) > 1})
        check(not shared, "controller", shared, "a topic of its own for each part")
        inputs = (*self.cameras.values(), self.joint_states, self.odometry)
        topics = [stream.topic for stream in inputs if stream is not None]
        wrong = [topic for topic in (*topics, *self.controller_topics) if topic.startswith("/")]
        check(not wrong, "topic", wrong, "relative topic names, so that a namespace moves them")
        self.check_zones(self.zones)

    def check_zones(self, zones: Mapping[str, Zone]) -> None:
        """Check that zones fit this robot.

        Raises:
            ContractError: naming the first that does not.
        """
        check_zones(
            zones,
            None if self.odometry is None else self.odometry.frame,
            None if self.base is None else self.base.radius,
        )

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
    def joint_controllers(self) -> Mapping[str, JointController | ArmController]:
        """Controller per part of `part_joints`."""
        controllers: dict[str, JointController | ArmController] = {}
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
