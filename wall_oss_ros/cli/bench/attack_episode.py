"""One episode of the attack: a robot, a supervisor, an attacker and a careless crowd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.cli.bench.attack_checks import (
    GAP_SLACK,
    RATE_SLACK,
    Chains,
    Limits,
    zone_distance,
)
from wall_oss_ros.cli.bench.attack_commands import DT, Attacker, View
from wall_oss_ros.cli.bench.attack_zones import draw_yard, draw_zones
from wall_oss_ros.core.chunk import NANOSECONDS
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract, Zone
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety import Boundaries, Mode, SafetySettings, SafetySupervisor, rule_set
from wall_oss_ros.kinematics import MinkKinematics

Array = NDArray[np.float64]

_PERIOD_NS = round(DT * NANOSECONDS)
# From any motion the joints and the base must have come to rest within this time.
_HALT_TICKS = 120
# The base is no posture: it brakes in time, and where it began beyond a border it may go a little
# deeper per tick while it does [m].
_BASE_SLACK = 1e-4


@dataclass
class Outcome:
    """What came out of one episode, or of many."""

    counts: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def most(self, name: str, value: float) -> None:
        """Remember the largest value of a name."""
        self.worst[name] = max(self.worst.get(name, value), value)

    def add(self, other: Outcome) -> None:
        """Take in another one."""
        self.counts.update(other.counts)
        for name, value in other.worst.items():
            self.most(name, value)
        self.violations += other.violations


@dataclass
class Run:
    """What was commanded from enabling motion until all stood or the e-stop came."""

    path: list[Array]
    zones: list[Mapping[str, Zone]]
    stood: list[int] = field(default_factory=list)
    twists: list[Array] = field(default_factory=lambda: [np.zeros(3)])


class Arena:
    """What all episodes of a process share."""

    def __init__(self, contract: RobotContract) -> None:
        self.contract = contract
        self.chains, self.limits = Chains(contract), Limits(contract)
        self.judging, self.checking = MinkKinematics(contract), MinkKinematics(contract)
        self.names = tuple(contract.limited_joints)
        self.home = np.array([joint.home for joint in contract.limited_joints.values()])

    def episode(self, seed: int, commands: int) -> Outcome:
        """Run one episode of so many commands, and check everything that came out."""
        return Episode(self, np.random.default_rng(seed), f"seed {seed}").run(commands)


class Episode:
    """The robot follows its commands with a lag; people enable, stop, reset and redraw zones."""

    def __init__(self, arena: Arena, random: np.random.Generator, label: str) -> None:
        self._arena, self._random, self._label = arena, random, label
        contract, self._settings = arena.contract, SafetySettings()
        self._boundaries = Boundaries(contract, arena.judging, self._settings.workspace_margin_m)
        self._supervisor = SafetySupervisor(
            contract,
            arena.judging,
            rule_set(contract, self._settings, self._boundaries),
            self._settings,
        )
        self._attacker = Attacker(contract, arena.chains, arena.checking, random)
        self._now_ns = self._steady_ns = self._redrawn_ns = 1000 * NANOSECONDS
        self._redraw_zones(draw_yard(random, contract) if random.random() < 0.3 else None)
        spread = float(random.choice([0.0, 0.1, 0.5, 3.0]))
        start = arena.home + spread * random.normal(0.0, 1.0, len(arena.home))
        out = random.choice([0.0, 0.05])  # some start a little outside their range
        self._joints = np.clip(start, arena.limits.low - out, arena.limits.high + out)
        self._speeds = np.zeros(len(start))
        self._fingers = {gripper.joint: 0.4 for gripper in contract.grippers.values()}
        self._place, self._heading = np.zeros(2), 0.0
        self._sent = self._joints.copy()
        self._run: Run | None = None
        self._halting = 0
        self.outcome = Outcome()

    def run(self, commands: int) -> Outcome:
        """Send so many commands through the supervisor."""
        for _ in range(commands):
            self._tick()
        self._end_run()
        counts = self.outcome.counts
        for name, count in self._supervisor.counts.items():
            counts[f"limited by {name}"] += count.limited
            counts[f"stopped by {name}"] += count.stopped
        counts["stood at once"] += self._supervisor.counts["stand_at_once"].stopped
        return self.outcome

    # -- the world --------------------------------------------------------------------------------

    def _tick(self) -> None:
        supervisor, random = self._supervisor, self._random
        self._now_ns += _PERIOD_NS
        self._steady_ns += _PERIOD_NS
        self._inform()
        self._happen()
        view = View(self._sent if self._run else self._joints, self._boundaries.zones)
        enabled = supervisor.motion_enabled
        if enabled:
            stuck = supervisor.mode is Mode.HOLD and random.random() < 0.05
            command = self._attacker.command(self._now_ns, view, new_plan=stuck)
            self.outcome.counts[f"plan: {self._attacker.plan_name}"] += 1
        else:
            command = self._attacker.calm(self._now_ns, view)
        supervisor.propose(command)
        self.outcome.counts["commands"] += 1
        self.outcome.counts["judged with motion enabled"] += enabled
        if not enabled and random.random() < 0.2 and supervisor.reset(self._now_ns) is None:
            self.outcome.counts["resets"] += 1
        if not enabled and random.random() < 0.3:
            if supervisor.enable_motion(True, self._now_ns) is None:
                self.outcome.counts["enabled"] += 1
                self._end_run()
                self._run = Run([self._joints.copy()], [self._boundaries.zones])
        before = supervisor.counts["stand_at_once"].stopped
        output = supervisor.step(self._now_ns, DT, self._steady_ns)
        self._take(output, supervisor.counts["stand_at_once"].stopped > before)
        self.outcome.counts[f"mode {supervisor.mode.name}"] += 1
        self._follow()

    def _inform(self) -> None:
        supervisor, random = self._supervisor, self._random
        for node in self._settings.heartbeat_nodes:
            supervisor.heartbeat(node, self._now_ns)
        turned = np.array(
            [
                [np.cos(self._heading), -np.sin(self._heading), 0.0],
                [np.sin(self._heading), np.cos(self._heading), 0.0],
                [0.0, 0.0, 1.0],
            ]
        )
        supervisor.locate_base(Pose(np.array([*self._place, 0.0]), turned), self._now_ns)
        if random.random() < 0.01:
            return  # a joint state is missed
        names = self._arena.contract.joint_names
        positions = dict(zip(self._arena.names, self._joints.tolist(), strict=True))
        speeds = dict(zip(self._arena.names, self._speeds.tolist(), strict=True))
        positions |= self._fingers
        supervisor.measure(
            JointSample(
                self._now_ns,
                names,
                np.array([positions[name] for name in names]),
                np.array([speeds.get(name, 0.0) for name in names]),
            )
        )
        self._measured = positions

    def _happen(self) -> None:
        """Now and then something happens that should not."""
        supervisor, random, now_ns = self._supervisor, self._random, self._now_ns
        if random.random() < 0.002:
            self._take_hold(supervisor.estop("attack", now_ns))
        if random.random() < 0.002:
            self._take_hold(supervisor.estop_input("button", True, now_ns))
        if random.random() < 0.05:
            supervisor.estop_input("button", False, now_ns)
        if random.random() < 0.002:
            supervisor.enable_motion(False, now_ns)
        if random.random() < 0.001:
            jump_ns = int(random.choice([-1, 1])) * int(random.integers(0, 3 * NANOSECONDS))
            self._now_ns = max(self._now_ns + jump_ns, NANOSECONDS)
        supervisor.see(("cmd_vel: stranger",) if random.random() < 0.001 else (), ())
        if random.random() < 0.003:
            self._redraw_zones(self._boundaries.zones.get("yard"))

    def _redraw_zones(self, yard: Zone | None) -> None:
        kept = draw_zones(self._random, self._arena.contract)
        self._boundaries.replace(kept if yard is None else {**kept, "yard": yard})
        self._supervisor.replace_barriers(self._boundaries.barriers)
        self._redrawn_ns = self._now_ns

    def _follow(self) -> None:
        """Let the robot go where it was sent, with a lag."""
        moved = 0.5 * (self._sent - self._joints) if self._run else 0.0 * self._joints
        self._joints = self._joints + moved
        self._speeds = moved / DT
        twist = self._run.twists[-1] if self._run else np.zeros(3)
        self._heading += DT * twist[2]
        ahead = np.array([np.cos(self._heading), np.sin(self._heading)])
        aside = np.array([-ahead[1], ahead[0]])
        before = self._place
        self._place = before + DT * (twist[0] * ahead + twist[1] * aside)
        yard, base = self._boundaries.zones.get("yard"), self._arena.contract.base
        if yard is not None and base is not None:
            gaps = zone_distance(yard, np.stack((before, self._place))) - base.radius
            self._check_deeper("zone of the base", gaps[:, None], _BASE_SLACK)

    # -- what came out ----------------------------------------------------------------------------

    def _wrong(self, what: str) -> None:
        self.outcome.violations.append(f"{self._label}, plan '{self._attacker.plan_name}': {what}")

    def _take(self, output: RobotCommand | None, stood: bool) -> None:
        supervisor = self._supervisor
        if supervisor.mode is Mode.ESTOP:
            self._take_hold(output)
            return
        self._halting = 0 if supervisor.motion_enabled else self._halting + 1
        if output is None:
            if supervisor.motion_enabled:
                self._wrong("nothing was sent although motion is enabled")
            return
        self._check_form(output)
        if not output.positions:
            if output.base_twist.any() or supervisor.motion_enabled:
                self._wrong("a command without joints that moves")
            self._end_run()
            return
        run = self._run
        if run is None or self._halting > _HALT_TICKS:
            self._wrong(f"motion {self._halting} ticks after it was revoked")
            return
        self.outcome.counts["joint commands sent"] += 1
        sent = np.array([output.positions[name] for name in self._arena.names])
        self._check_parts(output, sent, run.path[-1])
        if stood:
            run.stood.append(len(run.path))
            recently = self._now_ns - self._redrawn_ns < NANOSECONDS // 2
            self.outcome.counts["stood at once after zones changed"] += recently
        run.path.append(sent)
        run.zones.append(self._boundaries.zones)
        run.twists.append(output.base_twist)
        self._sent = sent

    def _take_hold(self, output: RobotCommand | None) -> None:
        """Check that an e-stop holds the robot where it was measured, and end the run."""
        if output is None:
            self._wrong("no hold although joints are measured")
            return
        if self._run is not None:
            self.outcome.counts["e-stops in motion"] += 1
            held = {name: output.positions.get(name) for name in self._arena.names}
            if held != {name: self._measured[name] for name in self._arena.names}:
                self._wrong("the hold is not at the measured joints")
            self._end_run()
            self._sent = self._joints.copy()
        self._check_form(output)
        if any(output.velocities.values()) or output.base_twist.any():
            self._wrong("a hold that moves")

    def _check_form(self, output: RobotCommand) -> None:
        contract = self._arena.contract
        numbers = [
            *output.positions.values(),
            *output.velocities.values(),
            *output.grippers.values(),
            *output.base_twist.tolist(),
            *(float(tool.position.sum() + tool.rotation.sum()) for tool in output.tools.values()),
        ]
        if not np.isfinite(numbers).all():
            self._wrong("a number that is not finite")
        if not set(output.positions) <= set(contract.joint_names):
            self._wrong("joints that the robot has not")
        if not output.parts <= contract.commanded_parts:
            self._wrong("parts that the robot has not")
        if not all(0.0 <= opening <= 1.0 for opening in output.grippers.values()):
            self._wrong("a gripper beyond open or closed")
        for gripper in contract.grippers.values():
            low, high = sorted((gripper.closed, gripper.open))
            if not low <= output.positions.get(gripper.joint, low) <= high:
                self._wrong("a gripper joint out of its range")
        for name, joint in contract.limited_joints.items():
            if abs(output.velocities.get(name, 0.0)) > joint.velocity * (1 + RATE_SLACK):
                self._wrong(f"velocity {output.velocities[name]} of '{name}'")

    def _check_parts(self, output: RobotCommand, sent: Array, last: Array) -> None:
        """Check that no joint's target changes without its part being sent."""
        names = np.array(self._arena.names)
        moved = set(names[sent != last].tolist())
        for part, joints in self._arena.contract.part_joints.items():
            if part not in output.parts and moved.intersection(joints):
                self._wrong(f"part '{part}' moves and is not sent")

    def _end_run(self) -> None:
        """Check the whole motion from enabling to rest."""
        run, self._run = self._run, None
        if run is None or len(run.path) < 2:
            return
        arena, outcome, path = self._arena, self.outcome, np.array(run.path)
        shares = arena.limits.used(path, run.stood, DT)
        for what, share in zip(("velocity", "acceleration", "jerk"), shares, strict=True):
            outcome.most(f"share of {what}", share)
            if share > 1.0 + RATE_SLACK:
                self._wrong(f"{what} {share:.6f} of its limit")
        beyond = arena.limits.beyond(path)
        outcome.most("out of range [rad, m]", beyond)
        if beyond > 1e-9:
            self._wrong(f"a joint {beyond:.2e} further out of its range than before")
        self._check_gaps(path, run.zones)
        self._check_base(np.array(run.twists))

    def _check_gaps(self, path: Array, zones: list[Mapping[str, Zone]]) -> None:
        """Check that no commanded posture is beyond a border, and deeper than the one before."""
        start = 1
        for end in range(2, len(path) + 1):
            if end < len(path) and zones[end] is zones[start]:
                continue
            gaps = self._arena.chains.gaps(zones[start], path[start - 1 : end])
            self._check_deeper("workspace or zone", gaps)
            start = end
        stop_m = self._arena.contract.clearance.stop if self._arena.contract.clearance else 0.0
        survey, names = self._arena.checking.survey, self._arena.names
        postures = (dict(zip(names, row, strict=True)) for row in path.tolist())
        clearances = [survey(posture).clearance - stop_m for posture in postures]
        self._check_deeper("clearance", np.array(clearances)[:, None])

    def _check_deeper(self, what: str, gaps: Array, slack: float = GAP_SLACK) -> None:
        deeper = np.where(gaps[1:] < 0.0, np.minimum(gaps[:-1], 0.0) - gaps[1:], 0.0)
        worst = float(deeper.max(initial=0.0))
        self.outcome.most(f"deeper into {what} [m]", worst)
        if worst > slack:
            self._wrong(f"{worst:.2e} m deeper into a {what}")

    def _check_base(self, twists: Array) -> None:
        base = self._arena.contract.base
        if base is None:
            return
        change = np.diff(twists, axis=0) / DT
        for what, used in (
            ("base speed", np.hypot(*twists[:, :2].T) / base.linear_velocity),
            ("base turning speed", np.abs(twists[:, 2]) / base.angular_velocity),
            ("base acceleration", np.hypot(*change[:, :2].T) / base.linear_acceleration),
            ("base turning acceleration", np.abs(change[:, 2]) / base.angular_acceleration),
        ):
            share = float(used.max(initial=0.0))
            self.outcome.most(f"share of {what}", share)
            if share > 1.0 + RATE_SLACK:
                self._wrong(f"{what} {share:.6f} of its limit")
