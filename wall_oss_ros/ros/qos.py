"""Quality of service by purpose."""

from __future__ import annotations

from rclpy.duration import Duration
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSProfile,
    ReliabilityPolicy,
)


def _profile(
    depth: int, reliability: ReliabilityPolicy, durability: DurabilityPolicy
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )


# Drivers offer reliable (REP-2003), so any subscriber fits.
DRIVER = _profile(5, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# Newest picture or nothing: waiting for a resend is worse than the next frame.
SENSOR = _profile(2, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# Measured state for whoever wants the history between two pictures: 0.25 s of it at 200 Hz.
HISTORY = _profile(50, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# For a recording: seconds of pictures and states may wait, and no publisher for them.
RECORDING = _profile(500, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# Measured state for a control loop: only the newest.
MEASURED = _profile(1, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# Chunks and observations: the newest counts, but it must arrive.
NEWEST = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
# For drawing: what is lost is seen in the next picture, and nobody waits for one who only looks.
DRAWN = _profile(1, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE)
# What a person sets, and what a person asks: late joiners must know it.
STATE = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL)
# A person's word may come from any publisher: `ros2 topic pub` is volatile unless told otherwise.
VOLATILE_STATE = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
EVENTS = _profile(10, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)


def command(lifespan_s: float = 0.1) -> QoSProfile:
    """Return the profile of commands: the newest only, and never an old one."""
    profile = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
    profile.lifespan = Duration(seconds=lifespan_s)
    return profile


def _heartbeat(promise_s: float) -> QoSProfile:
    profile = _profile(1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE)
    profile.deadline = Duration(seconds=promise_s)
    profile.liveliness = LivelinessPolicy.MANUAL_BY_TOPIC
    profile.liveliness_lease_duration = Duration(seconds=promise_s)
    return profile


# The supervisor's sign of life towards hardware drivers, every 20 ms. It promises one in 100 ms: a
# driver that asks for a deadline, or for liveliness, of 100 ms or more is called back when it ends.
HEARTBEAT = _heartbeat(0.1)
