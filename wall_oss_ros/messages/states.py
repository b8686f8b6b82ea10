"""What the nodes say about themselves, as core objects."""

from __future__ import annotations

import math
from typing import Any

from wall_oss_ros.core.action_space import SIDES
from wall_oss_ros.core.drawing import Sent
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.executor import ExecutorStatus
from wall_oss_ros.core.policy_session import PolicyStatus
from wall_oss_ros.core.safety import Mode
from wall_oss_ros.core.view.snapshot import (
    ExecutorNow,
    PolicyNow,
    RecorderNow,
    RecorderStatus,
    SafetyNow,
    Stage,
)
from wall_oss_ros.messages.stamps import to_ns


def safety_now(message: Any, age_s: float) -> SafetyNow:
    """Return a SafetyState that was heard `age_s` ago."""
    return SafetyNow(
        mode=Mode(message.mode),
        enabled=bool(message.motion_enabled),
        shadow=bool(message.shadow),
        causes=tuple(message.latched_causes),
        reset_needs=_needs(message.reset_checks),
        enable_needs=_needs(message.enable_checks),
        gaps=(
            (message.nearest_zone, float(message.zone_distance)),
            (message.nearest_links, float(message.arm_distance)),
        ),
        rate_hz=float(message.rate),
        stages=_stages(message),
        age_s=age_s,
    )


def sent_of(message: Any) -> Sent:
    """Return what a SafetyState says was sent to the controllers last; no places if nothing was.

    Raises:
        MessageError: if a place is not finite, and not left out as a whole.
    """
    places = {}
    for side in SIDES:
        point = getattr(message, f"{side}_tool_sent")
        place = (point.x, point.y, point.z)
        if all(map(math.isfinite, place)):
            places[side] = place
        elif not all(map(math.isnan, place)):
            raise MessageError(f"safety/state: the {side} tool was sent to {place}; not finite")
    stamp_ns = to_ns(message.sent_stamp)
    return Sent(stamp_ns, places if stamp_ns else {}, (message.sent_epoch, message.sent_seq))


def executor_now(message: Any, age_s: float) -> ExecutorNow:
    """Return an ExecutorState that was heard `age_s` ago."""
    return ExecutorNow(
        status=ExecutorStatus(message.state),
        reason=message.reason,
        chunk=int(message.chunk_seq),
        rows_left=int(message.rows_left),
        accepted=int(message.accepted),
        rejected=int(message.rejected),
        last_rejection=message.last_rejection,
        speed=float(message.speed_scale),
        speed_wanted=float(message.speed_wanted),
        slowed_by=message.slowed_by,
        rate_hz=float(message.rate),
        stages=_stages(message),
        age_s=age_s,
    )


def policy_now(message: Any, age_s: float) -> PolicyNow:
    """Return a PolicyState that was heard `age_s` ago."""
    return PolicyNow(
        status=PolicyStatus(message.state),
        reason=message.reason,
        back_end=message.policy,
        instruction=message.instruction,
        chunks=int(message.chunks),
        failures=int(message.failures),
        rate_hz=float(message.rate),
        stages=_stages(message),
        age_s=age_s,
    )


def recorder_now(message: Any, age_s: float) -> RecorderNow:
    """Return an EpisodeState that was heard `age_s` ago."""
    return RecorderNow(
        status=RecorderStatus(message.state),
        reason=message.reason,
        episode=message.episode,
        seconds=float(message.duration),
        megabytes=message.bytes / 1e6,
        warnings=tuple(message.warnings),
        age_s=age_s,
    )


def _needs(checks: Any) -> tuple[str, ...]:
    return tuple(check.reason or check.name for check in checks if not check.ok)


def _stages(message: Any) -> tuple[Stage, ...]:
    return tuple(
        Stage(stage.name, float(stage.ms[0]), float(stage.ms[2]))
        for stage in message.latency
        if stage.count
    )
