"""The simulated task's ground truth as messages."""

from __future__ import annotations

from wall_oss_ros.core.task import TaskObject, TaskState
from wall_oss_ros.messages.geometry import pose_from
from wall_oss_ros.messages.stamps import to_ns
from wall_oss_ros.msg import SimObject, SimTaskState
from wall_oss_ros.ros.geometry import pose_message
from wall_oss_ros.ros.stamps import to_stamp


def task_message(state: TaskState, frame_id: str, real_time_factor: float) -> SimTaskState:
    """Return a task state as a message in the robot's base frame."""
    message = SimTaskState(
        task=state.task,
        instruction=state.instruction,
        seed=state.seed,
        episode=state.episode,
        objects=[
            SimObject(name=item.name, pose=pose_message(item.pose), touching=sorted(item.touching))
            for item in state.objects.values()
        ],
        progress=state.progress,
        success=state.success,
        milestones=list(state.milestones),
        elapsed=state.elapsed_s,
        real_time_factor=real_time_factor,
    )
    message.header.stamp = to_stamp(state.stamp_ns)
    message.header.frame_id = frame_id
    return message


def task_from(message: SimTaskState) -> TaskState:
    """Return the task state of a message."""
    return TaskState(
        stamp_ns=to_ns(message.header.stamp),
        task=message.task,
        instruction=message.instruction,
        seed=message.seed,
        episode=message.episode,
        objects={
            item.name: TaskObject(item.name, pose_from(item.pose), frozenset(item.touching))
            for item in message.objects
        },
        progress=message.progress,
        success=message.success,
        milestones=tuple(message.milestones),
        elapsed_s=message.elapsed,
    )
