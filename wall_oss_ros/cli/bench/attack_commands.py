"""The attacker: random and adversarial commands, from nearly right to nonsense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.cli.bench.attack_checks import Chains
from wall_oss_ros.core.chunk import NANOSECONDS
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract, Zone
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.pose import Pose

Array = NDArray[np.float64]

DT = 0.01
_NONSENSE = (np.nan, np.inf, -np.inf, 1e300, -1e300)
# Postures that are looked at to find one that is in somebody's way.
_LOOKED_AT = 24


@dataclass
class View:
    """What the attacker knows: where the robot is, and what it must not touch."""

    here: Array
    zones: Mapping[str, Zone]


Plan = Callable[[int, View], tuple[Array, Array]]


class Attacker:
    """Draws commands; changes its plan every now and then.

    Attributes:
        plan_name: of the plan in force.
    """

    def __init__(
        self,
        contract: RobotContract,
        chains: Chains,
        kinematics: ForwardKinematics,
        random: np.random.Generator,
    ) -> None:
        self._contract, self._chains, self._kinematics = contract, chains, kinematics
        self._random = random
        limits = contract.limited_joints.values()
        self._names = tuple(contract.limited_joints)
        self._low, self._high = np.array([joint.position for joint in limits]).T
        self._speed = np.array([joint.velocity for joint in limits])
        self._plans: Mapping[str, Callable[[View], Plan]] = {
            "smooth": self._smooth,
            "uniform": self._uniform,
            "huge": self._huge,
            "at the limits": self._at_the_limits,
            "bang-bang": self._bang_bang,
            "every tick the other way": self._alternating,
            "drunken walk": self._walk,
            "velocities that lie": self._lying,
            "home": lambda view: self._straight(view.here, self._home),
            "into zones": self._into_zones,
            "into the other arm": self._into_arm,
        }
        self.plan_name = ""
        self._plan: Plan | None = None
        self._age = 0
        self._twist = np.zeros(3)
        self._home = np.array([joint.home for joint in limits])

    def command(self, now_ns: int, view: View, new_plan: bool) -> RobotCommand:
        """Return the next command; one in a hundred is nonsense.

        Args:
            now_ns: the tick that will see it [ns].
            view: what is known.
            new_plan: leave the plan in force; else that happens now and then.
        """
        random = self._random
        if self._plan is None or new_plan or random.random() < 0.01:
            self._twist = random.choice([0.0, 0.3, 3.0, 1e6]) * random.normal(0.0, 1.0, 3)
            self.plan_name = str(random.choice(list(self._plans)))
            self._plan, self._age = self._plans[self.plan_name](view), 0
        self._age += 1
        positions, velocities = self._plan(self._age, view)
        command = self._made(now_ns, positions, velocities)
        return self._spoilt(command) if random.random() < 0.01 else command

    def calm(self, now_ns: int, view: View) -> RobotCommand:
        """Return a command to stay, as an executor sends that waits for motion."""
        self._plan = None
        still = np.zeros(len(self._names))
        return replace(self._made(now_ns, view.here, still), stamp_ns=now_ns, source_seq=0)

    def _made(self, now_ns: int, positions: Array, velocities: Array) -> RobotCommand:
        random, contract = self._random, self._contract
        fingers = {
            gripper.joint: float(random.normal(0.4, 0.5)) for gripper in contract.grippers.values()
        }
        parts = contract.commanded_parts
        if random.random() < 0.05:
            parts = frozenset(part for part in parts if random.random() < 0.5)
        return RobotCommand(
            stamp_ns=now_ns - int(random.integers(0, NANOSECONDS // 100)),
            source_seq=1,
            source_epoch=1,
            parts=parts,
            positions=dict(zip(self._names, positions.tolist(), strict=True)) | fingers,
            velocities=dict(zip(self._names, velocities.tolist(), strict=True))
            | {name: float(random.normal(0.0, 3.0)) for name in fingers},
            tools={},
            grippers={side: float(random.normal(0.5, 1.0)) for side in contract.grippers},
            base_twist=self._twist * (1.0 if random.random() < 0.9 else -1.0),
        )

    def _spoilt(self, command: RobotCommand) -> RobotCommand:
        """Return the command with something that no command may have."""
        random = self._random
        nonsense, joint = float(random.choice(_NONSENSE)), str(random.choice(self._names))
        match random.integers(0, 9):
            case 0:
                return command.changed(positions={joint: nonsense})
            case 1:
                return command.changed(velocities={joint: nonsense})
            case 2:
                return command.changed(base_twist=np.full(3, nonsense))
            case 3:
                return command.changed(positions={"tail": 0.1}, velocities={"tail": 0.0})
            case 4:
                left = {n: p for n, p in command.positions.items() if n != joint}
                return replace(command, positions=left)
            case 5:
                return replace(command, parts=command.parts | {"tail"})
            case 6:
                far = int(random.integers(-5, 6)) * NANOSECONDS
                return replace(command, stamp_ns=command.stamp_ns + far)
            case 7:
                return replace(command, tools={"left": Pose(np.full(3, nonsense), np.eye(3))})
            case _:
                return replace(command, source_epoch=int(random.integers(0, 3)))

    # -- plans ------------------------------------------------------------------------------------

    def _smooth(self, view: View) -> Plan:
        start, rate = view.here, self._random.uniform(0.3, 3.0, len(self._names))
        reach = self._random.uniform(0.0, 0.5, len(rate)) * self._speed / rate

        def plan(age: int, view: View) -> tuple[Array, Array]:
            phase = rate * age * DT
            return start + reach * (1.0 - np.cos(phase)), reach * rate * np.sin(phase)

        return plan

    def _uniform(self, view: View) -> Plan:
        wide = self._high - self._low
        return lambda age, view: (
            self._random.uniform(self._low - wide, self._high + wide),
            self._random.uniform(-2.0, 2.0, len(wide)) * self._speed,
        )

    def _huge(self, view: View) -> Plan:
        scale = float(self._random.choice([1e2, 1e6, 1e100]))
        return lambda age, view: (
            scale * self._random.normal(0.0, 1.0, len(self._names)),
            scale * self._random.normal(0.0, 1.0, len(self._names)),
        )

    def _at_the_limits(self, view: View) -> Plan:
        ends = np.where(self._random.random(len(self._names)) < 0.5, self._low, self._high)

        def plan(age: int, view: View) -> tuple[Array, Array]:
            way = np.sign(ends - view.here) * self._speed
            return view.here + DT * way, way

        return plan

    def _bang_bang(self, view: View) -> Plan:
        start, half = view.here, int(self._random.integers(2, 40))
        reach = self._random.uniform(0.0, 0.5, len(start))
        return lambda age, view: (start + reach * (-1.0) ** (age // half), 0.0 * reach)

    def _alternating(self, view: View) -> Plan:
        start, reach = view.here, self._random.uniform(0.0, 1.0, len(self._names))
        return lambda age, view: (start + reach * (-1.0) ** age, self._speed * (-1.0) ** age)

    def _walk(self, view: View) -> Plan:
        def plan(age: int, view: View) -> tuple[Array, Array]:
            step = self._random.normal(0.0, 1.0, len(self._names)) * self._speed
            return view.here + DT * step, step

        return plan

    def _lying(self, view: View) -> Plan:
        start = view.here
        return lambda age, view: (
            start + self._random.normal(0.0, 1e-3, len(start)),
            self._random.choice([-1e300, -1.0, 1.0, 1e300], len(start)),
        )

    def _into_zones(self, view: View) -> Plan:
        around = view.here + self._random.normal(0.0, 0.6, (_LOOKED_AT, len(self._names)))
        worst = self._chains.gaps(view.zones, around).min(axis=1).argmin()
        return self._straight(view.here, around[worst])

    def _into_arm(self, view: View) -> Plan:
        around = view.here + self._random.normal(0.0, 0.6, (_LOOKED_AT, len(self._names)))
        around = np.clip(around, self._low, self._high)
        postures = (dict(zip(self._names, row.tolist(), strict=True)) for row in around)
        nearest = np.argmin([self._kinematics.survey(posture).clearance for posture in postures])
        return self._straight(view.here, around[nearest])

    def _straight(self, start: Array, end: Array) -> Plan:
        """Return a plan that goes to a posture at once, or at some speed, and insists."""
        needed_s = float(np.max(np.abs(end - start) / self._speed))
        duration_s = needed_s * float(self._random.choice([0.01, 1.0, 3.0, 10.0])) + 1e-6

        def plan(age: int, view: View) -> tuple[Array, Array]:
            share = min(age * DT / duration_s, 1.0)
            moving = (end - start) / duration_s if share < 1.0 else 0.0 * start
            return start + share * (end - start), moving

        return plan
