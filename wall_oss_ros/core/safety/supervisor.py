"""The last hop: folds the rules, keeps the mode, latches the e-stop. Needs nobody to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics, Survey
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.barrier import Barrier, Gap
from wall_oss_ros.core.safety.base_speed import BaseRamp
from wall_oss_ros.core.safety.checks import Check, blocker, check, standing
from wall_oss_ros.core.safety.command_builder import CommandBuilder
from wall_oss_ros.core.safety.command_carrier import CommandCarrier
from wall_oss_ros.core.safety.freshness import SECOND_NS
from wall_oss_ros.core.safety.grip import Grip
from wall_oss_ros.core.safety.mode import Mode, RuleCount
from wall_oss_ros.core.safety.motion_guard import STAND_AT_ONCE, Finding, MotionGuard
from wall_oss_ros.core.safety.rule import Rule, Situation
from wall_oss_ros.core.safety.rules import RuleSet, SafetySettings
from wall_oss_ros.core.safety.verdict import Severity, Verdict

# When all stands after motion was revoked, the base is told to stand for this long; then the topics
# are quiet, so that a person may drive the robot out by other means.
_STAND_NS = SECOND_NS

# A reset is judged on joint states no older than this; enabling has a rule of its own.
_STANDING_AGE_S = 0.5

# The mode LIMITED stays this long after the last limit, so that a person can read it.
_LIMITED_NS = SECOND_NS // 2


class SafetySupervisor:
    """Judges one command per tick and makes the motion that is sent instead of it.

    Not thread-safe: the node's lock guards it.

    Attributes:
        mode: where on the ladder it is.
        motion_enabled: whether a person enabled motion and nothing has revoked it since.
        latched_causes: why motion was revoked.
        last_verdict: the last one that was not a pass.
        counts: by name of rule, barrier and pace.
    """

    def __init__(
        self,
        contract: RobotContract,
        kinematics: ForwardKinematics,
        rules: RuleSet,
        settings: SafetySettings,
    ) -> None:
        """Create a supervisor that does not yet allow motion.

        Args:
            contract: the robot.
            kinematics: its own, so that nobody else's arithmetic is trusted.
            rules: what is judged, see `rule_set`.
            settings: thresholds; those that `rules` was made from.
        """
        self._kinematics = kinematics
        self._rules = rules
        self._base = contract.commanded_parts & {"base"}
        self._settings = settings
        self.counts = {name: RuleCount() for name in rules.names}
        self._guard = MotionGuard(contract, kinematics, rules.barriers, rules.paces)
        self._carrier = CommandCarrier(contract)
        self._ramp = None if contract.base is None else BaseRamp(contract.base)
        self._build = CommandBuilder(contract, kinematics)
        self._grip = Grip(contract)
        self._measured: JointSample | None = None
        self._command: RobotCommand | None = None
        self._heartbeats: dict[str, int] = {}
        self._strangers: tuple[str, ...] = ()
        self._deaf: tuple[str, ...] = ()
        self._dead_man_ns: int | None = None
        self._base_pose: Pose | None = None
        self._base_pose_ns = 0
        self._clocks: tuple[int, int] | None = None
        # What was sent last, while motion is enabled and while the robot then comes to rest.
        self._sent: RobotCommand | None = None
        self._quiet_ns = 0
        self._limited_ns: int | None = None
        self._estop_hold: RobotCommand | None = None
        self._estop_inputs: dict[str, bool] = {}
        self.mode = Mode.STOPPED
        self.motion_enabled = False
        self.latched_causes: tuple[str, ...] = ("motion was not enabled yet",)
        self.last_verdict: Verdict | None = None

    # -- what comes in ----------------------------------------------------------------------------

    def measure(self, sample: JointSample) -> None:
        """Take measured joints."""
        self._measured = sample

    def propose(self, command: RobotCommand) -> None:
        """Take the executor's newest command; one that came before it is forgotten."""
        self._command = command

    def heartbeat(self, node: str, stamp_ns: int) -> None:
        """Take a node's sign of life."""
        self._heartbeats[node] = stamp_ns

    def see(self, strangers: tuple[str, ...], deaf: tuple[str, ...]) -> None:
        """Take who else publishes on controller topics, and which of them nobody hears.

        Args:
            strangers: publishers that are not this supervisor, in words: topic and node.
            deaf: controller topics without a subscriber.
        """
        self._strangers, self._deaf = strangers, deaf

    def dead_man(self, held: bool, stamp_ns: int) -> None:
        """Take the state of the dead-man input; released counts at once, held for a while."""
        self._dead_man_ns = stamp_ns if held else None

    def locate_base(self, pose: Pose, stamp_ns: int) -> None:
        """Take the base's pose in the odometry's frame."""
        self._base_pose, self._base_pose_ns = pose, stamp_ns

    def replace_barriers(self, barriers: Sequence[Barrier]) -> None:
        """Judge by other barriers from the next tick on, e.g. after zones were changed."""
        self._rules = replace(self._rules, barriers=tuple(barriers))
        self._guard.replace_barriers(barriers)
        for name in self._rules.names:
            self.counts.setdefault(name, RuleCount())

    # -- e-stop, reset, enabling ------------------------------------------------------------------

    @property
    def shadow(self) -> bool:
        """Whether it judges and reports but sends nothing."""
        return self._settings.shadow

    @property
    def pressed_inputs(self) -> tuple[str, ...]:
        """E-stop inputs that are pressed now."""
        return tuple(source for source, down in self._estop_inputs.items() if down)

    def estop_input(self, source: str, pressed: bool, now_ns: int) -> RobotCommand | None:
        """Take the state of an e-stop input; pressed latches, released only permits a reset.

        Returns:
            What the controllers should get at once, None for nothing.
        """
        self._estop_inputs[source] = pressed
        return self.estop(f"e-stop input '{source}' is pressed", now_ns) if pressed else None

    def estop(self, cause: str, now_ns: int) -> RobotCommand | None:
        """Stop at once and stay stopped until reset.

        Every joint is held where it is measured, or, where the joint states are old, where it was
        sent last; a gripper that moves stops, one that holds goes on holding (`grip`).

        Returns:
            What the controllers should get at once, without waiting for the next tick. None in
            shadow mode, or where no pose is known.
        """
        causes = self.latched_causes if self.mode is Mode.ESTOP else ()
        self.latched_causes = tuple(dict.fromkeys((*causes, cause)))
        if self.mode is not Mode.ESTOP:
            self._estop_hold = self._hold(now_ns)
        self.mode, self.motion_enabled, self._sent = Mode.ESTOP, False, None
        return self._spoken(self._stopped(now_ns))

    def checks_for_reset(self, now_ns: int) -> tuple[Check, ...]:
        """Return what a reset needs, each with whether it holds."""
        latched = None if self.mode is Mode.ESTOP else "there is no e-stop to reset"
        inputs = [f"e-stop input '{name}' is still pressed" for name in self.pressed_inputs]
        pressed = f"{'; '.join(inputs)}; release it" if inputs else None
        return (
            check("latched", latched),
            check("inputs_released", pressed),
            standing(self._measured, now_ns, _STANDING_AGE_S),
        )

    def checks_for_enable(self, now_ns: int) -> tuple[Check, ...]:
        """Return what enabling motion needs, each with whether it holds."""
        command, causes = self._command, "; ".join(self.latched_causes)
        latched = f"e-stop is latched ({causes}); reset it first"
        silent = "no command received; is the chunk executor running?"
        halting = self._sent is not None and not self.motion_enabled
        checks = [
            check("no_estop", latched if self.mode is Mode.ESTOP else None),
            check("halted", "the robot still comes to rest; try again" if halting else None),
            standing(self._measured, now_ns, float("inf")),
            check("command", silent if command is None else None),
        ]
        if self._measured is not None and command is not None:
            start = self._build.hold(self._measured.position_of(), now_ns)
            situation = self._situation(now_ns, 0.0, start, 0.0)
            for rule in self._rules.preconditions:
                verdict = rule.check(command, situation)
                refused = verdict.severity >= Severity.STOP
                checks.append(check(rule.name, verdict.reason if refused else None))
        return tuple(checks)

    def reset_blocker(self, now_ns: int) -> str | None:
        """Return why a reset would be refused, or None."""
        return blocker(self.checks_for_reset(now_ns))

    def reset(self, now_ns: int) -> str | None:
        """Leave the e-stop for STOPPED; return None, or why not."""
        reason = self.reset_blocker(now_ns)
        if reason is None:
            self.mode, self._estop_hold, self._quiet_ns = Mode.STOPPED, None, 0
            self.latched_causes = ("reset after an e-stop; motion must be enabled",)
        return reason

    def enable_motion(self, enabled: bool, now_ns: int) -> str | None:
        """Allow motion from the measured posture on, or revoke it; return None, or why not."""
        if not enabled:
            self._stop("disabled by a person")
            return None
        if self.motion_enabled:
            return None
        reason = blocker(self.checks_for_enable(now_ns))
        if reason is not None:
            return reason
        if self._measured is None:
            raise ValueError("motion was enabled without joint states")
        measured = self._measured.position_of()
        self._sent = self._build.hold(measured, now_ns)
        self._guard.seed(measured)
        self._carrier.restart()
        self._limited_ns = None
        self.mode, self.motion_enabled, self.latched_causes = Mode.NOMINAL, True, ()
        return None

    # -- the tick ---------------------------------------------------------------------------------

    def step(self, now_ns: int, dt: float, steady_ns: int) -> RobotCommand | None:
        """Judge the newest command.

        Args:
            now_ns: ROS time of this tick [ns].
            dt: since the last tick [s].
            steady_ns: a clock that never jumps [ns].

        Returns:
            What the controllers should get now; None: nothing to say. When motion is revoked the
            joints brake and the base ramps down within their limits, then the base is told to
            stand for a second. Under e-stop every joint is held as long as it is latched.
        """
        jump_s = pause_s = 0.0
        if self._clocks is not None:
            pause_s = (steady_ns - self._clocks[1]) / SECOND_NS
            jump_s = (now_ns - self._clocks[0]) / SECOND_NS - pause_s
        self._clocks = (now_ns, steady_ns)
        if pause_s > self._settings.pause_max_s and self._sent is not None:
            self._stop(f"pause: the supervisor's own loop stood still for {pause_s:.2f} s")
            # The controllers have braked by themselves since: where to is not known here.
            self._sent, self._quiet_ns = None, now_ns + _STAND_NS
        if self._sent is None or not self.motion_enabled or self._command is None:
            return self._spoken(self._stopped(now_ns, dt))
        verdict = self._fold(self._command, self._situation(now_ns, dt, self._sent, jump_s))
        if verdict.severity >= Severity.STOP:
            self.last_verdict = verdict
            cause = f"{verdict.rule}: {verdict.reason}"
            if verdict.severity is Severity.ESTOP:
                return self.estop(cause, now_ns)
            self._stop(cause)
            return self._spoken(self._stopped(now_ns, dt))
        self._sent = self._moved(verdict, self._sent, now_ns, dt)
        return self._spoken(self._sent)

    def survey(self) -> Survey | None:
        """Return where the measured posture has tools, links and arms; None before joint states."""
        if self._measured is None:
            return None
        return self._kinematics.survey(self._measured.position_of(), self._rules.links)

    def gaps(self) -> tuple[Gap, ...]:
        """Return every gap of the measured posture, nearest first; empty before joint states."""
        survey = self.survey()
        if survey is None:
            return ()
        found = (gap for barrier in self._rules.barriers for gap in barrier.gaps(survey))
        return tuple(sorted(found, key=lambda gap: gap.distance))

    # -- inside -----------------------------------------------------------------------------------

    def _situation(self, now_ns: int, dt: float, sent: RobotCommand, jump_s: float) -> Situation:
        return Situation(
            now_ns=now_ns,
            dt=dt,
            measured=self._measured,
            sent=sent,
            heartbeats=self._heartbeats,
            base_pose=self._base_pose,
            base_pose_ns=self._base_pose_ns,
            dead_man_ns=self._dead_man_ns,
            strangers=self._strangers,
            deaf=self._deaf,
            clock_jump_s=jump_s,
        )

    def _fold(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Return the most severe verdict, with the command as all rules left it.

        A stop does not end it, for a later rule may ask for the e-stop.
        """
        worst = self._asked(self._rules.form, command, situation)
        formed = worst.severity < Severity.STOP
        for rule in (*self._rules.rules, *(self._rules.shaping if formed else ())):
            verdict = self._asked(rule, command, situation)
            command = verdict.command
            if verdict.severity > worst.severity:
                worst = verdict
        return worst if worst.command is command else replace(worst, command=command)

    def _asked(self, rule: Rule, command: RobotCommand, situation: Situation) -> Verdict:
        verdict = rule.check(command, situation)
        self._count(rule.name, verdict.severity)
        return verdict

    def _count(self, name: str, severity: Severity) -> None:
        if severity is not Severity.PASS:
            self.counts[name].limited += severity is Severity.LIMIT
            self.counts[name].stopped += severity > Severity.LIMIT

    def _moved(self, verdict: Verdict, sent: RobotCommand, now_ns: int, dt: float) -> RobotCommand:
        """Return what is sent for a command that no rule stopped."""
        command, late = verdict.command, False
        if verdict.severity is Severity.HOLD:
            step = self._guard.brake(dt, Finding(verdict.severity, verdict.rule, verdict.reason))
        else:
            target = self._carrier.carry(command, now_ns, dt)
            step, late = self._guard.step(target, dt), target.late
            self._count(step.finding.name, step.finding.severity)
        self.counts[STAND_AT_ONCE].stopped += step.stood
        if step.finding.severity > verdict.severity:
            found = step.finding
            verdict = Verdict(found.severity, found.name, found.reason, command)
        if verdict.severity is not Severity.PASS:
            self.last_verdict, self._limited_ns = verdict, now_ns
        holding = verdict.severity is Severity.HOLD
        since_ns = self._limited_ns
        recently = since_ns is not None and now_ns - since_ns < _LIMITED_NS
        self.mode = Mode.HOLD if holding else Mode.LIMITED if recently else Mode.NOMINAL
        twist = command.base_twist
        if holding or late or self._ramp is None:
            twist = self._slower(sent.base_twist, dt)
        epoch = max(command.source_epoch, sent.source_epoch)
        output = self._build.executed(command, step, twist, epoch, now_ns)
        self._grip.sent(output)
        return output

    def _stopped(self, now_ns: int, dt: float | None = None) -> RobotCommand | None:
        """Return what is sent while motion is not enabled."""
        if self.mode is Mode.ESTOP:
            if self._estop_hold is None and self._measured is not None:
                self._estop_hold = self._hold(now_ns)
            return self._estop_hold and replace(self._estop_hold, stamp_ns=now_ns)
        if self._sent is not None and dt is not None:
            return self._halting(self._sent, now_ns, dt)
        return self._build.base_stands(now_ns) if now_ns < self._quiet_ns else None

    def _halting(self, sent: RobotCommand, now_ns: int, dt: float) -> RobotCommand | None:
        """Return the next tick of coming to rest."""
        if self._guard.at_rest and not sent.base_twist.any():
            self._sent, self._quiet_ns = None, now_ns + _STAND_NS
            return self._stopped(now_ns)
        step = self._guard.brake(dt)
        self.counts[STAND_AT_ONCE].stopped += step.stood
        twist = self._slower(sent.base_twist, dt)
        self._sent = self._build.motion(step, self._base, twist, now_ns)
        return self._sent

    def _stop(self, cause: str) -> None:
        if self.mode is not Mode.ESTOP:
            self.mode, self.motion_enabled = Mode.STOPPED, False
            self.latched_causes = (cause,)

    def _slower(self, twist: Array, dt: float) -> Array:
        still = np.zeros(3)
        return still if self._ramp is None else self._ramp.toward(still, twist, dt)

    def _hold(self, now_ns: int) -> RobotCommand | None:
        """Return a command that holds the robot where it is, None if nobody knows where."""
        if self._measured is None:
            return None
        positions = self._measured.position_of()
        old = (now_ns - self._measured.stamp_ns) / SECOND_NS > self._settings.state_max_age_s
        if old and self._sent is not None:
            positions |= self._guard.posture
        return self._build.hold(positions, now_ns, self._grip.stop(self._measured, not old))

    def _spoken(self, output: RobotCommand | None) -> RobotCommand | None:
        return None if self._settings.shadow else output
