"""Real processes, real DDS: what stops the robot stops it, and says why."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState

from wall_oss_ros.msg import ActionChunk, ExecutorState, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.srv import InjectFault

pytestmark = pytest.mark.system


class Watch:
    """Measured joint speeds and base speed, newest last."""

    def __init__(self, graph) -> None:
        self._arms: list[float] = []
        self._base: list[float] = []
        node = graph.conductor.node
        node.create_subscription(JointState, "joint_states", self._on_joints, qos.HISTORY)
        node.create_subscription(Odometry, "odom", self._on_odometry, qos.HISTORY)

    def _on_joints(self, message: JointState) -> None:
        speeds = [
            abs(speed)
            for name, speed in zip(message.name, message.velocity, strict=True)
            if name.startswith("arm_")
        ]
        self._arms.append(max(speeds))

    def _on_odometry(self, message: Odometry) -> None:
        self._base.append(
            float(np.hypot(message.twist.twist.linear.x, message.twist.twist.linear.y))
        )

    @property
    def moving(self) -> bool:
        return bool(self._arms) and self._arms[-1] > 0.1

    @property
    def still(self) -> bool:
        """Whether nothing has moved for the last half second (100 samples)."""
        return (
            len(self._arms) >= 100
            and max(self._arms[-100:]) < 0.02
            and max(self._base[-20:]) < 0.02
        )


def test_estop_stops_the_motion_in_a_namespace_too(graph):
    running = graph(namespace="cell_7")
    watch = Watch(running)
    running.move()
    running.wait(lambda: watch.moving, 20.0, "motion")
    assert running.call("safety_supervisor/estop").success
    running.wait(lambda: watch.still, 5.0, "standstill")
    running.wait(
        lambda: running.seen.executor.state == ExecutorState.DISABLED, 5.0, "the executor's pause"
    )
    assert running.seen.safety.mode == SafetyState.ESTOP
    assert "~/estop" in running.seen.safety.latched_causes[0]
    assert "e-stop" in running.call("safety_supervisor/enable_motion", True).message
    # The policy goes on thinking; nothing moves all the same.
    chunks = running.seen.policy.chunks
    running.wait(lambda: running.seen.policy.chunks > chunks + 3, 10.0, "chunks under e-stop")
    assert watch.still
    assert running.call("safety_supervisor/reset").success
    running.conductor.enable_motion(10.0)
    running.wait(lambda: watch.moving, 20.0, "motion again")


def test_a_killed_policy_leaves_the_arms_holding_and_the_base_stopped(graph):
    running = graph(use_sim_time="true")
    watch = Watch(running)
    running.move()
    running.wait(lambda: watch.moving, 20.0, "motion")
    os.kill(running.runner.pid("policy"), signal.SIGKILL)
    running.wait(
        lambda: running.seen.safety.mode == SafetyState.STOPPED, 5.0, "the supervisor's stop"
    )
    assert "policy" in running.seen.safety.latched_causes[0]
    running.wait(lambda: watch.still, 5.0, "standstill")
    # The others live, the arms stay up where they were.
    held = running.seen.task.elapsed
    running.wait(lambda: running.seen.task.elapsed > held + 1.0, 10.0, "another second")
    assert watch.still
    assert not running.seen.safety.motion_enabled


def test_a_frozen_camera_stops_new_chunks_and_the_reason_is_told(graph):
    running = graph()
    watch = Watch(running)
    chunks: list[ActionChunk] = []
    running.conductor.node.create_subscription(
        ActionChunk, "action_chunk", chunks.append, qos.NEWEST
    )
    running.move()
    running.wait(lambda: watch.moving, 20.0, "motion")
    request = InjectFault.Request(stream="wrist_left", fault="freeze")
    assert running.call("sim_robot/inject_fault", (InjectFault, request)).success
    running.wait(
        lambda: "picture does not change" in running.seen.levels.get("camera_sync", (0, ""))[1],
        10.0,
        "the reason",
    )
    assert "wrist_left" in running.seen.levels["camera_sync"][1]
    seen = len(chunks)
    running.wait(
        lambda: running.seen.executor.state == ExecutorState.STARVED, 10.0, "the rows running out"
    )
    assert len(chunks) <= seen + 1  # one may have been on its way
    running.wait(lambda: watch.still, 5.0, "standstill")
    # For too long without chunks it wants a person's word.
    running.wait(lambda: running.seen.executor.state == ExecutorState.DISABLED, 10.0, "giving up")
    assert "enable the executor again" in running.seen.executor.reason
    request = InjectFault.Request(stream="wrist_left", fault="none")
    running.call("sim_robot/inject_fault", (InjectFault, request))
    running.wait(lambda: len(chunks) > seen + 3, 10.0, "chunks again")
    assert watch.still
