"""The state of the graph in plain words: what goes on, why the robot stands, what to do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wall_oss_ros.core.executor import ExecutorStatus
from wall_oss_ros.core.finding import Health
from wall_oss_ros.core.policy_session import PolicyStatus
from wall_oss_ros.core.safety import Mode
from wall_oss_ros.core.view.snapshot import SILENT_S, RecorderStatus, Snapshot

# What a rule of the supervisor means, and what to do; its own reason stands between them.
_RULES = {
    "well_formed": ("A command could not be used", "look at chunk_executor's lines"),
    "clock_jump": ("The clock jumped", "enable motion again once the clocks agree"),
    "pause": ("The supervisor itself was held up", "give it priority, or the machine less to do"),
    "command_age": ("Commands came too late", "is chunk_executor running, the machine too busy?"),
    "state_age": ("Joint states came too late", "look at the driver of joint_states"),
    "heartbeat": ("A node is silent", "look at its lines; start it again"),
    "dead_man": ("The dead-man switch is not held", "hold it, then enable motion"),
    "sole_commander": ("Somebody else commands the robot", "end the other program"),
    "controllers_listen": ("A controller does not listen", "start the robot's controllers"),
    "source_epoch": ("A command belonged to an older plan", "enable motion again"),
    "tracking_error": ("The robot is not where it was sent", "is something in its way?"),
    "gripper_range": ("A gripper was sent out of its range", "look at the chunk, and the contract"),
    "base_speed": ("The base was to drive too fast", "look at the chunk"),
    "base_zones": ("The base is at a zone", "drive it clear by hand, or change the zone"),
    "tool_speed": ("A tool was to move too fast", "look at the chunk"),
    "joint_limits": ("A joint was to leave its limits", "look at the chunk"),
    "workspace": ("A tool is at the edge of its workspace", "move it back by hand"),
    "clearance": ("The arms are too near to each other, or to the body", "move them apart"),
    "zones": ("A tool is at a zone", "move it clear by hand, or change the zone"),
    "stand_at_once": ("The robot had to stand at once", "look at what it is near to"),
}
_MODES = {
    Mode.NOMINAL: "moves freely",
    Mode.LIMITED: "moves, slowed or bent by a limit",
    Mode.HOLD: "holds still at a limit",
    Mode.STOPPED: "stands; motion is not enabled",
    Mode.ESTOP: "EMERGENCY STOP",
}
_EXECUTOR = {
    ExecutorStatus.DISABLED: "waits until motion is enabled",
    ExecutorStatus.WAITING: "waits for a chunk",
    ExecutorStatus.RUNNING: "follows a chunk",
    ExecutorStatus.STARVED: "has no rows left and holds",
    ExecutorStatus.FAULT: "has given up",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the graph: how it is, in words."""

    what: str
    health: Health
    said: str


def in_words(cause: str) -> str:
    """Return a latched cause as a person would say it, with what to do.

    Args:
        cause: as the supervisor tells it: "rule: reason", or a sentence of its own.
    """
    rule, colon, reason = cause.partition(": ")
    if colon and rule in _RULES:
        means, todo = _RULES[rule]
        return f"{means}: {reason}. Do: {todo}"
    return cause[:1].upper() + cause[1:]


def headline(snapshot: Snapshot) -> Line:
    """Return what a person must know first."""
    safety = snapshot.safety
    if safety is None:
        return Line("robot", Health.BAD, "no safety_supervisor heard: is the graph running?")
    if safety.age_s > SILENT_S:
        said = f"safety_supervisor is silent for {safety.age_s:.0f} s; what is shown is old"
        return Line("robot", Health.BAD, said)
    said = _MODES[safety.mode]
    if safety.shadow:
        said += " (shadow: nothing is sent to the robot)"
    health = Health.OK if safety.enabled and safety.mode < Mode.HOLD else Health.NOTE
    if safety.mode is Mode.ESTOP:
        health = Health.BAD
    return Line("robot", health, said)


def causes(snapshot: Snapshot) -> tuple[str, ...]:
    """Return why motion is not enabled, in plain words."""
    safety = snapshot.safety
    return () if safety is None else tuple(in_words(cause) for cause in safety.causes)


def stopped_hard(snapshot: Snapshot) -> bool:
    """Return whether an e-stop is latched."""
    return snapshot.safety is not None and snapshot.safety.mode is Mode.ESTOP


def lines(snapshot: Snapshot) -> tuple[Line, ...]:
    """Return one line per part of the graph that was heard of."""
    return (*_executor(snapshot), *_policy(snapshot), *_recorder(snapshot), *_nodes(snapshot))


def gaps(snapshot: Snapshot) -> tuple[str, ...]:
    """Return what the robot is near to."""
    known = () if snapshot.safety is None else snapshot.safety.gaps
    return tuple(f"{what} {distance:.2f} m" for what, distance in known if math.isfinite(distance))


def needs_a_person(snapshot: Snapshot) -> bool:
    """Return whether anything is wrong: a silent part, a fault, or motion that was revoked."""
    bad = [headline(snapshot), *lines(snapshot)]
    safety = snapshot.safety
    return safety is None or not safety.enabled or any(line.health is Health.BAD for line in bad)


def _aged(what: str, health: Health, said: str, age_s: float) -> Line:
    if age_s > SILENT_S:
        return Line(what, Health.BAD, f"silent for {age_s:.0f} s; its last words: {said}")
    return Line(what, health, said)


def _executor(snapshot: Snapshot) -> tuple[Line, ...]:
    now = snapshot.executor
    if now is None:
        return ()
    said = _EXECUTOR[now.status]
    if now.status is ExecutorStatus.RUNNING:
        said += f" ({now.chunk}, {now.rows_left} rows left), speed {now.speed:.0%}"
        said += f" of {now.speed_wanted:.0%}: {now.slowed_by}" if now.slowed_by else ""
    elif now.reason:
        said += f": {now.reason}"
    if now.rejected:
        said += f"; refused {now.rejected}, last: {now.last_rejection}"
    health = {ExecutorStatus.FAULT: Health.BAD, ExecutorStatus.STARVED: Health.NOTE}
    return (_aged("chunk_executor", health.get(now.status, Health.OK), said, now.age_s),)


def _policy(snapshot: Snapshot) -> tuple[Line, ...]:
    now = snapshot.policy
    if now is None:
        return ()
    said = f"{now.back_end} {now.status.name.lower()}, {now.rate_hz:.1f} chunks/s"
    said += f", told '{now.instruction}'" if now.instruction else ", not told anything"
    said += f": {now.reason}" if now.reason else ""
    health = Health.BAD if now.status is PolicyStatus.FAULT else Health.OK
    return (_aged("policy", health, said, now.age_s),)


def _recorder(snapshot: Snapshot) -> tuple[Line, ...]:
    now = snapshot.recorder
    if now is None:
        return ()
    said = now.status.name.lower()
    if now.status is RecorderStatus.RECORDING:
        said += f" {now.episode}, {now.seconds:.0f} s, {now.megabytes:.1f} MB"
    elif now.episode:
        said += f", last: {now.episode}"
    said += f": {now.reason}" if now.reason else ""
    said += f" ({'; '.join(now.warnings)})" if now.warnings else ""
    health = Health.NOTE if now.warnings else Health.OK
    health = Health.BAD if now.status is RecorderStatus.FAULT else health
    return (_aged("episode_recorder", health, said, now.age_s),)


def _nodes(snapshot: Snapshot) -> tuple[Line, ...]:
    """Return the nodes that have no state of their own, and those that stopped beating."""
    told = {"chunk_executor", "policy", "episode_recorder", "safety_supervisor"}
    found = []
    for node in snapshot.nodes:
        silent_s = node.age_s if node.beat_age_s is None else min(node.age_s, node.beat_age_s)
        if silent_s > SILENT_S:
            said = f"silent for {silent_s:.0f} s; has it ended?"
            found.append(Line(node.name, Health.BAD, said))
        elif node.name not in told:
            health = (Health.OK, Health.NOTE, Health.BAD, Health.BAD)[min(max(node.level, 0), 3)]
            found.append(Line(node.name, health, node.sentence))
    return tuple(found)
