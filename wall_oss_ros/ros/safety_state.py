"""What the safety supervisor says about itself: its state message and its diagnostics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Point

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.latency import LatencyStages
from wall_oss_ros.core.safety import Check, Mode, SafetySupervisor
from wall_oss_ros.core.safety.clearance import ARM_CLEARANCE
from wall_oss_ros.msg import SafetyCheck, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.latency_message import latency_messages, latency_values
from wall_oss_ros.ros.loop_node import LoopNode
from wall_oss_ros.ros.stamps import to_stamp

_PERIOD_S = 0.1


class _Summary(NamedTuple):
    """What is told at once when it changes, and not with the next timer."""

    mode: Mode
    enabled: bool
    causes: tuple[str, ...]


class SafetyReporter:
    """Publishes `safety/state` ten times a second and on every change, and logs the changes.

    Attributes:
        sent: what went to the controllers last.
    """

    def __init__(
        self, node: LoopNode, supervisor: SafetySupervisor, latency: LatencyStages
    ) -> None:
        """Create the publisher.

        Args:
            node: whose lock guards the supervisor, and whose executor publishes.
            supervisor: whose state.
            latency: stages that the node measures.
        """
        self._node = node
        self._supervisor = supervisor
        self._latency = latency
        self.sent: RobotCommand | None = None
        self._told: _Summary | None = None
        self._publisher = node.create_lifecycle_publisher(SafetyState, "safety/state", qos.STATE)
        self._changed = node.create_guard_condition(self._tell)
        node.create_timer(_PERIOD_S, self._publish)

    def notice(self) -> None:
        """Let the executor tell a change, if there is one; costs nothing otherwise."""
        if self._summary() != self._told:
            self._changed.trigger()

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return level, sentence and values for /diagnostics."""
        level, sentence, values = safety_report(self._state())
        values.update(latency_values(self._latency))
        return level, sentence, values

    def _summary(self) -> _Summary:
        supervisor = self._supervisor
        return _Summary(supervisor.mode, supervisor.motion_enabled, supervisor.latched_causes)

    def _tell(self) -> None:
        before, now = self._told, self._summary()
        if now == before:
            return
        self._told = now
        self._publish()
        if before is not None and (before.enabled != now.enabled or now.mode is Mode.ESTOP):
            stopped = f"{now.mode.name}: {'; '.join(now.causes)}"
            self._node.get_logger().warning("motion enabled" if now.enabled else stopped)

    def _publish(self) -> None:
        self._publisher.publish(self._state())

    def _state(self) -> SafetyState:
        with self._node.lock:
            state = safety_state(self._supervisor, self._node.now_ns())
        if self.sent is not None:
            _add_sent(state, self.sent)
        state.latency = latency_messages(self._latency)
        state.tick_ms = self._node.loop.tick_ms.at(50, 99, 100)
        self._node.add_loop(state)
        return state


def safety_state(supervisor: SafetySupervisor, now_ns: int) -> SafetyState:
    """Return the supervisor's judgement; what its loop measures is added by `LoopNode.add_loop`.

    Call under the supervisor's lock.

    Args:
        supervisor: whose state.
        now_ns: stamp of the message, and when the checks are judged [ns].
    """
    verdict = supervisor.last_verdict
    reset_checks = supervisor.checks_for_reset(now_ns)
    blocker = next((check.reason for check in reset_checks if not check.ok), "")
    # The clearance has fields of its own.
    gaps = [gap for gap in supervisor.gaps() if gap.what != ARM_CLEARANCE]
    survey = supervisor.survey()
    apart = survey is not None and math.isfinite(survey.clearance)
    message = SafetyState(
        mode=int(supervisor.mode),
        motion_enabled=supervisor.motion_enabled,
        latched_causes=list(supervisor.latched_causes),
        last_rule=verdict.rule if verdict else "",
        last_reason=verdict.reason if verdict else "",
        rule_names=list(supervisor.counts),
        rule_limited=[count.limited for count in supervisor.counts.values()],
        rule_stopped=[count.stopped for count in supervisor.counts.values()],
        zone_distance=gaps[0].distance if gaps else math.nan,
        nearest_zone=gaps[0].what if gaps else "",
        arm_distance=survey.clearance if survey is not None and apart else math.nan,
        nearest_links=" and ".join(survey.nearest) if survey is not None and apart else "",
        reset_possible=not blocker,
        reset_blocker=blocker,
        shadow=supervisor.shadow,
        reset_checks=_check_messages(reset_checks),
        enable_checks=_check_messages(supervisor.checks_for_enable(now_ns)),
        estop_inputs=list(supervisor.pressed_inputs),
    )
    message.header.stamp = to_stamp(now_ns)
    return message


def safety_report(state: SafetyState) -> tuple[int, str, dict[str, str]]:
    """Return diagnostic level, one sentence, and values of a state."""
    mode = Mode(state.mode)
    level = DiagnosticStatus.OK
    if mode is Mode.ESTOP:
        level = DiagnosticStatus.ERROR
    elif mode in (Mode.HOLD, Mode.STOPPED):
        level = DiagnosticStatus.WARN
    values = {
        f"{name} limited, stopped": f"{limited} {stopped}"
        for name, limited, stopped in zip(
            state.rule_names, state.rule_limited, state.rule_stopped, strict=True
        )
    }
    values["shadow"] = "yes: nothing is sent" if state.shadow else "no"
    causes = "; ".join(state.latched_causes)
    return level, f"{mode.name}{': ' + causes if causes else ''}", values


def _add_sent(state: SafetyState, sent: RobotCommand) -> None:
    state.sent_stamp = to_stamp(sent.stamp_ns)
    state.sent_seq, state.sent_epoch = sent.source_seq, sent.source_epoch
    state.left_tool_sent = _place(sent, "left")
    state.right_tool_sent = _place(sent, "right")


def _place(sent: RobotCommand, side: str) -> Point:
    pose = sent.tools.get(side)
    x, y, z = (math.nan,) * 3 if pose is None else pose.position.tolist()
    return Point(x=x, y=y, z=z)


def _check_messages(checks: Sequence[Check]) -> list[SafetyCheck]:
    return [SafetyCheck(name=check.name, ok=check.ok, reason=check.reason) for check in checks]
