"""What a timeline will do if nothing new comes, as rows, for the policy to go on from."""

from __future__ import annotations

import math

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.motion import GRIPPER_COLUMNS, LINEAR_COLUMNS
from wall_oss_ros.core.rotation import rot6d_from_matrix
from wall_oss_ros.core.timeline import Timeline


def committed_plan(
    timeline: Timeline, now_ns: int, *, moving: bool, dt: float, refused_seq: int
) -> CommittedPlan:
    """Return the plan as it is at the timeline's last advance.

    Rows that are over are as the chunk had them, but for the last one, which leads to where the
    motion is now. Rows that the supervisor has not judged yet are in the plan: its word is awaited
    within milliseconds, and a plan without them would have the policy think that the robot stops.

    Args:
        timeline: what is followed.
        now_ns: the present time [ns].
        moving: whether the timeline is followed at all.
        dt: time between rows where no chunk is followed [s].
        refused_seq: newest chunk that was refused, 0 for none.
    """
    chunk, rows = timeline.chunk, timeline.rows_ahead
    following = moving and timeline.following and timeline.place < rows - 1
    actions = np.empty((0, action_space.ACTION_DIM))
    if following and chunk is not None:
        # What a chunk does not command means nothing; the policy is told the state it saw.
        actions = np.where(chunk.mask, chunk.actions[:rows], chunk.anchor)
        last = min(rows - 1, timeline.joined_until)
        for row in range(max(0, math.floor(timeline.place)), math.floor(last) + 1):
            motion = timeline.ahead(float(row))
            actions[row, LINEAR_COLUMNS] = motion.linear
            actions[row, GRIPPER_COLUMNS] = motion.grippers
            for arm, side in enumerate(action_space.SIDES):
                actions[row, action_space.ROTATION[side]] = rot6d_from_matrix(motion.rotation[arm])
    epoch, seq = timeline.taken
    return CommittedPlan(
        stamp_ns=timeline.now_ns if moving else now_ns,
        following=following,
        seq=seq,
        epoch=epoch,
        dt=dt if chunk is None else chunk.dt,
        place=timeline.place if following else -1.0,
        speed_scale=timeline.rate if following else 0.0,
        actions=actions,
        consumed=timeline.consumed,
        latency_s=timeline.latency_s,
        refused_seq=refused_seq,
    )
