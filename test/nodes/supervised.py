"""An active supervisor with everything around it, for the tests of its node."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.msg import SafetyState
from wall_oss_ros.nodes.safety_supervisor import SafetySupervisorNode
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.command_message import command_message
from wall_oss_ros.ros.stamps import to_stamp

BEATING = ("camera_sync", "policy", "chunk_executor")


class Scene:
    """An active supervisor, fake drivers, and a tester that speaks for the executor."""

    def __init__(self, table, contract, drivers, deaf=frozenset()) -> None:
        self.table, self.contract, self.drivers = table, contract, drivers
        self.sent = {
            controller.topic: table.collect(JointTrajectory, controller.topic, qos.EVENTS)
            for controller in contract.joint_controllers.values()
            if controller.topic.partition("/")[0] not in deaf
        }
        self.left = self.sent[contract.arms["left"].controller.topic]
        self.base = table.collect(TwistStamped, contract.base.controller.topic, qos.EVENTS)
        self.sent[contract.base.controller.topic] = self.base
        self.states = table.collect(SafetyState, "safety/state", qos.STATE)
        self.beating = set(BEATING)
        self.speed = 0.0
        self.base_twist = np.zeros(3)
        self.wrist = contract.home["arm_left_7_joint"]
        self.commanding = True
        self._beats = table.node.create_publisher(Header, "heartbeat", qos.EVENTS)
        self._commands = table.node.create_publisher(RobotCommandMessage, "command", qos.command())
        self.estop_input = table.node.create_publisher(Bool, "safety/estop_input", qos.STATE)
        table.every(0.05, self._beat)
        table.every(0.01, self._command)
        self.node = table.add(SafetySupervisorNode())

    def _beat(self) -> None:
        for name in self.beating:
            header = Header(frame_id=name)
            header.stamp = to_stamp(self.table.now_ns())
            self._beats.publish(header)

    def _command(self) -> None:
        if not self.commanding:
            return
        self.wrist += 0.01 * self.speed
        positions = dict(self.contract.home)
        positions["arm_left_7_joint"] = self.wrist
        velocities = dict.fromkeys(positions, 0.0)
        velocities["arm_left_7_joint"] = self.speed
        parts, grippers = self.contract.commanded_parts, {"left": 1.0, "right": 1.0}
        command = RobotCommand(
            self.table.now_ns(), 1, 1, parts, positions, velocities, {}, grippers, self.base_twist
        )
        message = command_message(command, self.contract)
        message.left_tool.orientation.w = message.right_tool.orientation.w = 1.0
        self._commands.publish(message)
        # The robot follows.
        self.drivers.positions["arm_left_7_joint"] = self.wrist

    def enable(self):
        return self.table.call(
            SetBool, "safety_supervisor/enable_motion", SetBool.Request(data=True)
        )

    def enable_for_sure(self) -> None:
        answers = []
        self.table.spin_until(
            lambda: answers.append(self.enable()) or answers[-1].success, "motion"
        )
        self.clear()

    def clear(self) -> None:
        for messages in self.sent.values():
            messages.clear()

    def wait(self, mode: int) -> SafetyState:
        self.states.clear()
        self.table.spin_until(lambda: self.states and self.states[-1].mode == mode, f"mode {mode}")
        return self.states[-1]


def standing(message: JointTrajectory | TwistStamped) -> bool:
    if isinstance(message, TwistStamped):
        return message.twist.linear.x == message.twist.linear.y == message.twist.angular.z == 0.0
    return not any(message.points[0].velocities)
