"""What the supervisor sent to the controllers, as one message, for whoever records or draws it."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.msg import RobotCommand as RobotCommandMessage
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.command_message import command_message


class ExecutedCommand:
    """Publishes only while somebody listens: a hundred messages a second cost a robot something.

    Attributes:
        wanted: whether somebody listened at the last `look`.
    """

    def __init__(self, node: LifecycleNode, contract: RobotContract) -> None:
        """Create the publisher."""
        self._contract = contract
        self._publisher = node.create_lifecycle_publisher(RobotCommandMessage, EXECUTED, qos.EVENTS)
        self.wanted = False

    def look(self) -> None:
        """Find out whether somebody listens."""
        self.wanted = self._publisher.get_subscription_count() > 0

    def publish(self, command: RobotCommand) -> None:
        """Say what was sent."""
        if self.wanted:
            self._publisher.publish(command_message(command, self._contract))
