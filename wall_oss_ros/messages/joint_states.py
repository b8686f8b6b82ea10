"""JointState messages to measured joints."""

from __future__ import annotations

from typing import Any

from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.messages.stamps import to_ns


def joint_sample(message: Any, selector: JointSelector) -> JointSample:
    """Return the wanted joints of a sensor_msgs/JointState.

    Raises:
        MessageError: see `JointSelector.select`.
    """
    return selector.select(
        to_ns(message.header.stamp), message.name, message.position, message.velocity
    )
