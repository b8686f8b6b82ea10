"""Commands on their way to ros2_control: the only code that writes controller topics."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.controller_outputs import (
    INTERFACES,
    CartesianPoseOutput,
    JointOutput,
    PositionArrayOutput,
    TrajectoryOutput,
    TwistOutput,
)

# Parts that did not change are repeated this often, well inside a controller's command time-out.
KEEP_ALIVE_NS = 100_000_000


class ControllerOutput:
    """Publishers of the contract's controllers. Not thread-safe: the owner's lock guards it."""

    def __init__(self, node: LifecycleNode, contract: RobotContract, period_s: float) -> None:
        """Create the publishers.

        Args:
            node: owner.
            contract: the robot.
            period_s: how soon a setpoint is due, one period of the loop [s].
        """
        self._contract = contract
        self._sent: dict[str, tuple[tuple[float, ...], tuple[float, ...], int]] = {}
        self._outputs: dict[str, JointOutput] = {}
        self._publishers = {}
        for part, controller in contract.joint_controllers.items():
            interface: str = controller.interface
            publisher = node.create_lifecycle_publisher(
                INTERFACES[interface], controller.topic, qos.command()
            )
            self._publishers[controller.topic] = publisher
            if interface == "position_array":
                self._outputs[part] = PositionArrayOutput(publisher)
            elif interface == "cartesian_pose":
                side = part.removesuffix("_arm")
                self._outputs[part] = CartesianPoseOutput(publisher, contract.arms[side].frame)
            else:
                joints = contract.part_joints[part]
                ranges = [contract.joint_ranges[joint] for joint in joints]
                self._outputs[part] = TrajectoryOutput(
                    publisher, joints, ranges, period_s, stamped=controller.stamped
                )
        self._base: TwistOutput | None = None
        if contract.base is not None:
            base = contract.base.controller
            publisher = node.create_lifecycle_publisher(
                INTERFACES[base.interface], base.topic, qos.command()
            )
            self._publishers[base.topic] = publisher
            self._base = TwistOutput(publisher, contract.base_frame)

    def unheard(self) -> tuple[str, ...]:
        """Return the controller topics that no compatible subscriber listens to."""
        return tuple(
            topic
            for topic, publisher in self._publishers.items()
            if publisher.get_subscription_count() == 0
        )

    def send(
        self,
        command: RobotCommand,
        *,
        at_once: bool = False,
        overtaken: Callable[[], bool] = lambda: False,
    ) -> None:
        """Send the commanded parts.

        Args:
            command: judged by the supervisor, with the tool poses that its joints realise.
            at_once: also what stands still and was sent a moment ago, for a stop.
            overtaken: asked before each part: whether the command is of a time that is over, as
                after a process was stopped in the middle of this; then the rest is not sent.
        """
        for part, joints in self._contract.part_joints.items():
            if overtaken():
                return
            if part not in command.parts:
                continue
            positions = tuple(command.positions[joint] for joint in joints)
            velocities = tuple(command.velocities[joint] for joint in joints)
            if at_once or self._due(part, positions, velocities, command.stamp_ns):
                self._sent[part] = (positions, velocities, command.stamp_ns)
                tool = command.tools.get(part.removesuffix("_arm"))
                self._outputs[part].send(positions, velocities, tool, command.stamp_ns)
        if "base" in command.parts and self._base is not None and not overtaken():
            self._base.send(command)

    def _due(
        self,
        part: str,
        positions: tuple[float, ...],
        velocities: tuple[float, ...],
        now_ns: int,
    ) -> bool:
        """Return whether a part has anything new, or its keep-alive is due."""
        last = self._sent.get(part)
        if last is None or last[:2] != (positions, velocities):
            return True
        return not 0 <= now_ns - last[2] < KEEP_ALIVE_NS
