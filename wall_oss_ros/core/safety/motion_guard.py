"""All joint motion: made by the governor, judged by barriers and paces before it is commanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import ForwardKinematics, Survey
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.barrier import Barrier, Gap
from wall_oss_ros.core.safety.command_carrier import Target
from wall_oss_ros.core.safety.freshness import COMMAND_AGE
from wall_oss_ros.core.safety.joint_governor import JointGovernor, JointMotion
from wall_oss_ros.core.safety.rule import Pace
from wall_oss_ros.core.safety.verdict import Severity

# Names of the counters that belong to no rule, barrier or pace.
JOINT_LIMITS = "joint_limits"
STAND_AT_ONCE = "stand_at_once"

# How far a joint may be from its target before it is worth a word [rad] or [m].
_WORTH_A_WORD = 1e-3
# Rounding of distances [m].
_ROUNDING = 1e-9
# A gap this little smaller than before does not shrink [m].
_SHRINKING = 1e-6
# Approach to a barrier: this fast at its margin, in proportion to the distance nearer [m/s]. It is
# the reduced speed of ISO 10218-1.
_APPROACH = 0.25
_SLOWEST = 0.005
# After a hold, motion towards the barrier goes on from this distance on, so that it does not
# alternate between holding and moving [m].
_RESUME = 0.002
# Where braking moves a joint further than this, the posture half way is looked at as well.
_LONG_BRAKE = 0.1
# Beyond a border, so many postures on the way to rest are looked at.
_LOOKS_BEYOND = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about a step: severity, who says so, and why."""

    severity: Severity
    name: str
    reason: str


NOTHING = Finding(Severity.PASS, "", "")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One tick of joint motion.

    Attributes:
        positions: (n,) to be commanded [rad] or [m].
        velocities: (n,) [rad/s] or [m/s].
        changed: (n,) joints whose position or velocity is another than at the last tick.
        finding: what was found about it.
        stood: whether it stands at once, beyond acceleration and jerk, since braking would have
            entered a barrier.
        survey: of these positions.
    """

    positions: Array
    velocities: Array
    changed: NDArray[np.bool_]
    finding: Finding
    stood: bool
    survey: Survey


@dataclass(frozen=True, slots=True, eq=False)
class _Here:
    """The posture that is commanded now."""

    survey: Survey
    gaps: tuple[Gap, ...]


class MotionGuard:
    """Moves the limited joints of a robot. `seed` first."""

    def __init__(
        self,
        contract: RobotContract,
        kinematics: ForwardKinematics,
        barriers: Sequence[Barrier],
        paces: Sequence[Pace],
    ) -> None:
        self._kinematics = kinematics
        self._paces = tuple(paces)
        self._others: dict[str, float] = {}
        self._governor = JointGovernor(contract.limited_joints)
        self._acceleration = np.array([j.acceleration for j in contract.limited_joints.values()])
        self._here: _Here | None = None
        self._held = False
        self.replace_barriers(barriers)

    @property
    def names(self) -> tuple[str, ...]:
        """Joints, in the order of all arrays."""
        return self._governor.names

    @property
    def at_rest(self) -> bool:
        """Whether nothing moves."""
        return self._governor.at_rest

    @property
    def posture(self) -> dict[str, float]:
        """Commanded position of every limited joint."""
        return dict(zip(self.names, self._governor.state.positions.tolist(), strict=True))

    def replace_barriers(self, barriers: Sequence[Barrier]) -> None:
        """Judge by these barriers from now on."""
        self._barriers = tuple(barriers)
        self._links = tuple(dict.fromkeys(link for item in barriers for link in item.links))
        self._owners: tuple[str, ...] | None = None
        self._here = None

    def seed(self, positions: Mapping[str, float]) -> None:
        """Stand at these (measured) joints; every joint of the contract must be there."""
        self._governor.seed(np.array([positions[name] for name in self.names]))
        self._others = {n: p for n, p in positions.items() if n not in self.names}
        self._here, self._held = None, False

    def step(self, target: Target, dt: float) -> Step:
        """Move on towards a target for one tick, as far as everything allows."""
        here = self._present()
        governor = self._governor
        if target.late and target.velocities.any():
            reason = f"newest command is {target.age_s:.3f} s old; slowing down"
            return self._braking(Finding(Severity.LIMIT, COMMAND_AGE, reason), dt)
        motion = governor.toward(target.positions, target.velocities, dt, target.commanded)
        if not self._moving(motion):
            return self._taken(motion, target, self._shortfall(target, motion, dt), here, dt)
        there = self._look(motion.positions)
        hold, ends = self._judge(motion, here, there)
        slow: Finding | None = None
        if hold is None:
            cruise = governor.cruise(motion)
            share, slow = self._share(cruise, motion, here, there, ends, dt)
            if slow is not None:
                motion = governor.at_speed(share * cruise, dt)
                there = self._look(motion.positions)
                hold, _ = self._judge(motion, here, there)
        self._held = hold is not None
        if hold is not None:
            return self._braking(hold, dt)
        finding = slow if slow is not None else self._shortfall(target, motion, dt)
        return self._taken(motion, target, finding, there, dt)

    def brake(self, dt: float, finding: Finding = NOTHING) -> Step:
        """Brake for one tick, each joint as fast as its limits allow; keeps what was found."""
        return self._braking(finding, dt)

    def _braking(self, finding: Finding, dt: float) -> Step:
        here, governor = self._present(), self._governor
        if governor.at_rest:
            return self._taken(governor.state, None, finding, here, dt)
        motion = governor.brake(dt)
        there = self._look(motion.positions)
        deeper = self._entered(here.gaps, there.gaps, 0.0)
        if deeper is None:
            return self._taken(motion, None, finding, there, dt)
        governor.stand()
        self._held = True
        finding = Finding(Severity.HOLD, *deeper)
        state, every = governor.state, np.ones(len(self.names), np.bool_)
        return Step(state.positions, state.velocities, every, finding, True, here.survey)

    def _taken(
        self, motion: JointMotion, target: Target | None, finding: Finding, there: _Here, dt: float
    ) -> Step:
        last = self._governor.state
        changed = (motion.positions != last.positions) | (motion.velocities != last.velocities)
        self._governor.accept(motion, dt)
        self._here = there
        velocities = motion.velocities
        if target is not None and finding.severity is Severity.PASS:
            # The commanded velocity is the smoother one; only where it fits is it passed on.
            reach = dt * self._acceleration
            fitting = np.minimum(
                np.maximum(target.velocities, velocities - reach), velocities + reach
            )
            velocities = np.where(target.commanded, fitting, velocities)
        return Step(motion.positions, velocities, changed, finding, False, there.survey)

    def _shortfall(self, target: Target, motion: JointMotion, dt: float) -> Finding:
        """Return what is found about a step that does not reach its target."""
        off = np.abs(motion.positions - target.positions) * target.commanded
        worst = int(np.argmax(off))
        if off[worst] <= _WORTH_A_WORD:
            return NOTHING
        reason = self._governor.excess(target.positions, dt, worst)
        return Finding(Severity.LIMIT, JOINT_LIMITS, reason)

    def _moving(self, motion: JointMotion) -> bool:
        moved = motion.positions != self._governor.state.positions
        return bool(moved.any() or motion.velocities.any() or motion.accelerations.any())

    def _judge(
        self, motion: JointMotion, here: _Here, there: _Here
    ) -> tuple[Finding | None, _Here]:
        """Return why a step must not be made, if so, and the posture where it ends by braking."""
        if not self._barriers:
            return None, there
        between: list[Array] = []
        if any(gap.distance < 0.0 for gap in here.gaps):
            between = self._governor.braking_way(motion, _LOOKS_BEYOND)
        elif np.abs(motion.rest - motion.positions).max() > _LONG_BRAKE:
            between = self._governor.braking_way(motion, 1)
        # Beyond a border only coming back is allowed, all the way to rest.
        last, free = here, _RESUME if self._held else 0.0
        for posture in chain((there,), map(self._look, (*between, motion.rest))):
            deeper = self._entered(last.gaps, posture.gaps, free)
            if deeper is not None:
                return Finding(Severity.HOLD, *deeper), there
            last = posture
        return None, last

    def _share(
        self,
        cruise: Array,
        motion: JointMotion,
        here: _Here,
        there: _Here,
        ends: _Here,
        dt: float,
    ) -> tuple[float, Finding | None]:
        """Return the share of the speed that is allowed, and why it is less than 1, if so."""
        if (cruise != motion.velocities).any():
            there = self._look(self._governor.state.positions + dt * cruise)
        share, slow = 1.0, None
        gaps = zip(here.gaps, there.gaps, ends.gaps, strict=True)
        for index, (now, then, end) in enumerate(gaps):
            if end.distance >= end.margin or end.distance > now.distance - _SHRINKING:
                continue
            speed = (now.distance - then.distance) / dt
            allowed = max(_APPROACH * end.distance / end.margin, _SLOWEST)
            if allowed < share * speed:
                share = allowed / speed
                reason = f"{end.what} {end.distance:.3f} m, margin {end.margin:.3f} m; slowed"
                slow = Finding(Severity.LIMIT, self._owner(index), reason)
        for pace in self._paces:
            part, reason = pace.share(here.survey, there.survey, dt)
            if part < share:
                share, slow = part, Finding(Severity.LIMIT, pace.name, reason)
        return share, slow

    def _entered(
        self, before: Sequence[Gap], after: Sequence[Gap], free: float
    ) -> tuple[str, str] | None:
        """Return barrier and reason of the first gap below `free` that is smaller than before."""
        for index, (now, then) in enumerate(zip(before, after, strict=True)):
            if then.distance < free and then.distance < now.distance - _ROUNDING:
                reason = f"{then.what} would be {then.distance:.3f} m, now {now.distance:.3f} m"
                return self._owner(index), reason
        return None

    def _owner(self, index: int) -> str:
        """Return the name of the barrier that a gap belongs to."""
        if self._owners is None:
            survey = self._present().survey
            named = ([item.name] * len(item.gaps(survey)) for item in self._barriers)
            self._owners = tuple(name for names in named for name in names)
        return self._owners[index]

    def _present(self) -> _Here:
        if self._here is None:
            self._here = self._look(self._governor.state.positions)
        return self._here

    def _look(self, positions: Array) -> _Here:
        joints = dict(zip(self.names, positions.tolist(), strict=True))
        survey = self._kinematics.survey({**self._others, **joints}, self._links)
        return _Here(survey, tuple(gap for item in self._barriers for gap in item.gaps(survey)))
