"""The last hop: folds the rules, keeps the mode, latches the e-stop. Needs nobody to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics, Survey
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety.barrier import Barrier, Gap
from wall_oss_ros.core.safety.rule import Situation
from wall_oss_ros.core.safety.rules import RuleSet, SafetySettings
from wall_oss_ros.core.safety.verdict import Severity, Verdict

# After motion was revoked the base is told to stand for this long; then the topics are quiet, so
# that a person may drive the robot out by other means.
_STAND_NS = 1_000_000_000

# A reset or an enable is only accepted from a robot that stands: largest joint speed.
_STANDING_SPEED = 0.05
# For a reset that is judged on joint states no older than this; enabling has a rule of its own.
_STANDING_AGE_S = 0.5


class Mode(IntEnum):
    """The ladder; values are those of SafetyState.msg. Motion is possible in the first two."""

    NOMINAL = 0
    LIMITED = 1
    HOLD = 2
    STOPPED = 3
    ESTOP = 4


_MODE_OF = {
    Severity.PASS: Mode.NOMINAL,
    Severity.LIMIT: Mode.LIMITED,
    Severity.HOLD: Mode.HOLD,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One condition for a reset or for enabling motion, and whether it holds now.

    Attributes:
        name: e.g. "standing", or the name of a rule.
        ok: whether it holds.
        reason: why not and what to do, "" where it holds.
    """

    name: str
    ok: bool
    reason: str = ""


@dataclass(slots=True)
class RuleCount:
    """How often a rule changed a command, and how often it held or stopped one."""

    limited: int = 0
    stopped: int = 0


class SafetySupervisor:
    """Judges one command per tick.

    Not thread-safe: the node's lock guards it.
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
        self._contract = contract
        self._kinematics = kinematics
        self._rules = rules
        self._settings = settings
        self.counts = {name: RuleCount() for name in rules.names}
        self._measured: JointSample | None = None
        self._command: RobotCommand | None = None
        self._heartbeats: dict[str, int] = {}
        self._strangers: tuple[str, ...] = ()
        self._deaf: tuple[str, ...] = ()
        self._dead_man_ns: int | None = None
        self._base_pose: tuple[Pose, int] | None = None
        self._clocks: tuple[int, int] | None = None
        self._sent: RobotCommand | None = None
        self._revoked_ns: int | None = None
        self._estop_hold: RobotCommand | None = None
        self._estop_inputs: dict[str, bool] = {}
        self.mode = Mode.STOPPED
        self.motion_enabled = False
        self.latched_causes: tuple[str, ...] = ("motion was not enabled yet",)
        self.last_verdict: Verdict | None = None

    @property
    def shadow(self) -> bool:
        """Whether it judges and reports but sends nothing."""
        return self._settings.shadow

    @property
    def pressed_inputs(self) -> tuple[str, ...]:
        """E-stop inputs that are pressed now."""
        return tuple(source for source, down in self._estop_inputs.items() if down)

    def measure(self, sample: JointSample) -> None:
        """Take measured joints."""
        self._measured = sample

    def propose(self, command: RobotCommand) -> None:
        """Take the executor's newest command."""
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
        self._base_pose = (pose, stamp_ns)

    def replace_barriers(self, barriers: Sequence[Barrier]) -> None:
        """Judge by other barriers from the next tick on, e.g. after zones were changed."""
        self._rules = replace(self._rules, barriers=tuple(barriers))

    def estop_input(self, source: str, pressed: bool, now_ns: int) -> RobotCommand | None:
        """Take the state of an e-stop input; pressed latches, released only permits a reset.

        Returns:
            What the controllers should get at once, None for nothing.
        """
        self._estop_inputs[source] = pressed
        return self.estop(f"e-stop input '{source}' is pressed", now_ns) if pressed else None

    def estop(self, cause: str, now_ns: int) -> RobotCommand | None:
        """Stop at once and stay stopped until reset.

        Returns:
            What the controllers should get at once, without waiting for the next tick: every joint
            held, zero twist. None in shadow mode, or where no pose is known.
        """
        causes = self.latched_causes if self.mode is Mode.ESTOP else ()
        self.latched_causes = tuple(dict.fromkeys((*causes, cause)))
        self.mode, self.motion_enabled = Mode.ESTOP, False
        self._sent, self._revoked_ns = None, None
        return self._spoken(self._stopped(now_ns))

    def checks_for_reset(self, now_ns: int) -> tuple[Check, ...]:
        """Return what a reset needs, each with whether it holds."""
        latched = None if self.mode is Mode.ESTOP else "there is no e-stop to reset"
        pressed = [
            f"e-stop input '{name}' is still pressed; release it" for name in self.pressed_inputs
        ]
        return (
            _check("latched", latched),
            _check("inputs_released", "; ".join(pressed) or None),
            _check("standing", self._standing_blocker(now_ns, _STANDING_AGE_S)),
        )

    def checks_for_enable(self, now_ns: int) -> tuple[Check, ...]:
        """Return what enabling motion needs, each with whether it holds."""
        causes = f"e-stop is latched ({'; '.join(self.latched_causes)}); reset it first"
        silent = "no command received; is the chunk executor running?"
        checks = [
            _check("no_estop", causes if self.mode is Mode.ESTOP else None),
            _check("standing", self._standing_blocker(now_ns, float("inf"))),
            _check("command", silent if self._command is None else None),
        ]
        if self._measured is not None and self._command is not None:
            situation = self._situation(now_ns, 0.0, self._at_measured(now_ns), 0.0)
            for rule in self._rules.preconditions:
                verdict = rule.check(self._command, situation)
                refused = verdict.severity >= Severity.STOP
                checks.append(_check(rule.name, verdict.reason if refused else None))
        return tuple(checks)

    def reset_blocker(self, now_ns: int) -> str | None:
        """Return why a reset would be refused, or None."""
        return _blocker(self.checks_for_reset(now_ns))

    def reset(self, now_ns: int) -> str | None:
        """Leave the e-stop for STOPPED; return None, or why not."""
        blocker = self.reset_blocker(now_ns)
        if blocker is None:
            self.mode, self._estop_hold = Mode.STOPPED, None
            self.latched_causes = ("reset after an e-stop; motion must be enabled",)
        return blocker

    def enable_motion(self, enabled: bool, now_ns: int) -> str | None:
        """Allow motion or revoke it; return None, or why not."""
        if not enabled:
            self._stop("disabled by a person", now_ns)
            return None
        if self.motion_enabled:
            return None
        blocker = _blocker(self.checks_for_enable(now_ns))
        if blocker is not None:
            return blocker
        self._sent = self._at_measured(now_ns)
        self.mode, self.motion_enabled, self.latched_causes = Mode.NOMINAL, True, ()
        return None

    def step(self, now_ns: int, dt: float, steady_ns: int) -> RobotCommand | None:
        """Judge the newest command.

        Args:
            now_ns: ROS time of this tick [ns].
            dt: since the last tick [s].
            steady_ns: a clock that never jumps [ns]; the simulated time where that is the clock.

        Returns:
            What the controllers should get now. With motion revoked, the base is told to stand and
            the arms are left to the braking end of their last trajectory; under e-stop every joint
            is held where it was, at once and as long as it is latched. None: nothing to say.
        """
        jump_s = 0.0
        if self._clocks is not None:
            jump_s = ((now_ns - self._clocks[0]) - (steady_ns - self._clocks[1])) * 1e-9
        self._clocks = (now_ns, steady_ns)
        if not self.motion_enabled or self._command is None:
            return self._spoken(self._stopped(now_ns))
        verdict = self._fold(
            self._command, self._situation(now_ns, dt, self._present_sent(), jump_s)
        )
        if verdict.severity >= Severity.STOP:
            self.last_verdict = verdict
            if verdict.severity is Severity.ESTOP:
                return self.estop(f"{verdict.rule}: {verdict.reason}", now_ns)
            self._stop(f"{verdict.rule}: {verdict.reason}", now_ns)
            return self._spoken(self._stopped(now_ns))
        self.mode = _MODE_OF[verdict.severity]
        if verdict.severity is not Severity.PASS:
            self.last_verdict = verdict
        output = self._held(now_ns) if verdict.severity is Severity.HOLD else verdict.command
        self._remember(output)
        return self._spoken(output)

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

    def tool_distance(self) -> float:
        """Return the distance between the two measured tools [m], NaN if unknown.

        Both arms must have the same frame for it to be known.
        """
        frames = {arm.frame for arm in self._contract.arms.values()}
        if len(frames) != 1:
            return float("nan")
        tools = self.measured_tools()
        if len(tools) != 2:
            return float("nan")
        return float(np.linalg.norm(tools["left"].position - tools["right"].position))

    def measured_tools(self) -> Mapping[str, Pose]:
        """Return the measured tool poses by side; empty before the first joint states."""
        if self._measured is None:
            return {}
        return self._kinematics.tool_poses(self._measured.position_of())

    def _situation(self, now_ns: int, dt: float, sent: RobotCommand, jump_s: float) -> Situation:
        return Situation(
            now_ns=now_ns,
            dt=dt,
            measured=self._measured,
            sent=sent,
            heartbeats=self._heartbeats,
            base_pose=None if self._base_pose is None else self._base_pose[0],
            dead_man_ns=self._dead_man_ns,
            strangers=self._strangers,
            deaf=self._deaf,
            clock_jump_s=jump_s,
        )

    def _spoken(self, output: RobotCommand | None) -> RobotCommand | None:
        return None if self._settings.shadow else output

    def _fold(self, command: RobotCommand, situation: Situation) -> Verdict:
        worst = Verdict(Severity.PASS, "", "", command)
        for rule in self._rules.rules:
            verdict = rule.check(worst.command, situation)
            count = self.counts[rule.name]
            count.limited += verdict.severity is Severity.LIMIT
            count.stopped += verdict.severity > Severity.LIMIT
            if verdict.severity >= Severity.STOP:
                return verdict
            if verdict.severity > worst.severity:
                worst = verdict
            else:
                worst = replace(worst, command=verdict.command)
        return worst

    def _stopped(self, now_ns: int) -> RobotCommand | None:
        if self.mode is Mode.ESTOP:
            if self._estop_hold is None and self._measured is not None:
                self._estop_hold = self._at_measured(now_ns)
            return self._estop_hold and replace(self._estop_hold, stamp_ns=now_ns)
        if self._revoked_ns is None or now_ns - self._revoked_ns > _STAND_NS:
            return None
        base = self._contract.commanded_parts & {"base"}
        return RobotCommand(now_ns, 0, 0, base, {}, {}, {}, {}, np.zeros(3))

    def _stop(self, cause: str, now_ns: int) -> None:
        if self.mode is Mode.ESTOP:
            return
        if self.motion_enabled:
            self._revoked_ns = now_ns
        self.mode, self.motion_enabled, self._sent = Mode.STOPPED, False, None
        self.latched_causes = (cause,)

    def _standing_blocker(self, now_ns: int, limit_s: float) -> str | None:
        if self._measured is None:
            return "no joint states received"
        age_s = (now_ns - self._measured.stamp_ns) * 1e-9
        if age_s > limit_s:
            return f"joint states are {age_s:.2f} s old; is the robot's driver running?"
        fastest = int(np.argmax(np.abs(self._measured.velocities)))
        speed = abs(float(self._measured.velocities[fastest]))
        if speed > _STANDING_SPEED:
            name = self._measured.names[fastest]
            return f"'{name}' still moves at {speed:.2f}; wait until the robot stands"
        return None

    def _at_measured(self, now_ns: int) -> RobotCommand:
        """Return a command that holds every arm, lift and head joint where it is measured."""
        positions = self._present_measured().position_of()
        held = {name: positions[name] for name in self._contract.limited_joints}
        idle = frozenset(f"{side}_gripper" for side in self._contract.grippers)
        return RobotCommand(
            stamp_ns=now_ns,
            source_seq=0,
            source_epoch=0,
            parts=self._contract.commanded_parts - idle,
            positions=held,
            velocities=dict.fromkeys(held, 0.0),
            tools={},
            grippers={},
            base_twist=np.zeros(3),
        )

    def _held(self, now_ns: int) -> RobotCommand:
        """Return the last sent command, standing still."""
        sent = self._present_sent()
        return replace(
            sent,
            stamp_ns=now_ns,
            velocities=dict.fromkeys(sent.velocities, 0.0),
            base_twist=np.zeros(3),
        )

    def _remember(self, output: RobotCommand) -> None:
        """Keep what was sent last of every joint, also of parts not commanded this time."""
        self._sent = self._present_sent().changed(
            positions=output.positions,
            velocities=output.velocities,
            base_twist=output.base_twist,
        )

    def _present_sent(self) -> RobotCommand:
        if self._sent is None:
            raise ValueError("nothing was sent: motion is not enabled")
        return self._sent

    def _present_measured(self) -> JointSample:
        if self._measured is None:
            raise ValueError("no joint states")
        return self._measured


def _check(name: str, reason: str | None) -> Check:
    return Check(name, reason is None, reason or "")


def _blocker(checks: Sequence[Check]) -> str | None:
    """Return the reason of the first check that does not hold."""
    return next((check.reason for check in checks if not check.ok), None)
