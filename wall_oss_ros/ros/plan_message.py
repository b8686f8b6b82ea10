"""What the executor is committed to, as messages."""

from __future__ import annotations

import array
import math

import numpy as np

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import CommittedPlan as CommittedPlanMessage
from wall_oss_ros.ros.stamps import to_stamp


def plan_message(plan: CommittedPlan, frame_id: str) -> CommittedPlanMessage:
    """Return a plan as a message in the robot's base frame `frame_id`."""
    actions = array.array("f")
    actions.frombytes(np.ascontiguousarray(plan.actions, np.float32).tobytes())
    message = CommittedPlanMessage(
        following=plan.following,
        seq=plan.seq,
        epoch=plan.epoch,
        dt=plan.dt,
        place=plan.place,
        speed_scale=plan.speed_scale,
        horizon=len(plan.actions),
        action_dim=ACTION_DIM,
        actions=actions,
        consumed=plan.consumed,
        latency=plan.latency_s,
        refused_seq=plan.refused_seq,
    )
    message.header.stamp = to_stamp(plan.stamp_ns)
    message.header.frame_id = frame_id
    return message


def plan_from(message: CommittedPlanMessage) -> CommittedPlan:
    """Return the plan of a message.

    Raises:
        MessageError: if sizes and numbers do not fit together or are not finite.
    """
    what = f"committed plan of chunk {message.seq}"
    rows, columns = message.horizon, message.action_dim
    numbers = np.asarray(message.actions, np.float64)
    if columns != ACTION_DIM or numbers.size != rows * columns:
        raise MessageError(
            f"{what} is {rows} x {columns} with {numbers.size} numbers; expected rows x 26"
        )
    if not np.all(np.isfinite(numbers)):
        raise MessageError(f"{what} has rows that are not finite")
    if not 1e-3 <= message.dt <= 10.0:
        raise MessageError(f"{what} has dt {message.dt} s; expected 0.001 to 10 s")
    if not 0.0 <= message.speed_scale <= 1.0:
        raise MessageError(f"{what} has speed scale {message.speed_scale}; expected 0 to 1")
    for name in ("place", "consumed", "latency"):
        if not math.isfinite(getattr(message, name)):
            raise MessageError(f"{what}: {name} is {getattr(message, name)}; expected a number")
    return CommittedPlan(
        stamp_ns=to_ns(message.header.stamp),
        following=message.following,
        seq=message.seq,
        epoch=message.epoch,
        dt=message.dt,
        place=message.place,
        speed_scale=message.speed_scale,
        actions=numbers.reshape(rows, columns),
        consumed=message.consumed,
        latency_s=message.latency,
        refused_seq=message.refused_seq,
    )
