"""A supervisor in a live graph: nodes beat, joints are measured, the robot follows at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sample_robot import MS, T0, FakeKinematics, joint_sample, make_command

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.safety import (
    Boundaries,
    Mode,
    RuleSet,
    SafetySettings,
    SafetySupervisor,
    rule_set,
)

DT = 0.01
PERIOD = 10 * MS
NODES = ("camera_sync", "policy", "chunk_executor")


def rules_of(
    contract: RobotContract,
    settings: SafetySettings | None = None,
    kinematics: FakeKinematics | None = None,
) -> RuleSet:
    """The standard rules of a robot."""
    settings = settings or SafetySettings()
    boundaries = Boundaries(
        contract, kinematics or FakeKinematics(contract), settings.workspace_margin_m
    )
    return rule_set(contract, settings, boundaries)


class Rig:
    """Ticks of 10 ms; what is not said is home, at rest, alive and undisturbed."""

    def __init__(
        self,
        contract: RobotContract,
        *,
        rules: RuleSet | None = None,
        settings: SafetySettings | None = None,
        kinematics: FakeKinematics | None = None,
    ) -> None:
        self.contract = contract
        settings = settings or SafetySettings()
        self.supervisor = SafetySupervisor(
            contract,
            kinematics or FakeKinematics(contract),
            rules or rules_of(contract, settings, kinematics),
            settings,
        )
        self.now = T0
        self.steady = 0
        self.positions: dict[str, float] = {}
        self.velocities: dict[str, float] = {}

    def live(self, silent: tuple[str, ...] = ()) -> None:
        """One period passes in which everything but the silent speaks."""
        self.now += PERIOD
        self.steady += PERIOD
        for node in NODES:
            if node not in silent:
                self.supervisor.heartbeat(node, self.now)
        if "joints" not in silent:
            sample = joint_sample(self.contract, self.now, self.positions, self.velocities)
            self.supervisor.measure(sample)

    def tick(
        self,
        positions: Mapping[str, float] | None = None,
        *,
        velocities: Mapping[str, float] | None = None,
        base_twist: Iterable[float] = (0.0, 0.0, 0.0),
        silent: tuple[str, ...] = (),
        parts: Iterable[str] | None = None,
    ) -> RobotCommand | None:
        """Propose home, but for what is given, and step."""
        self.live(silent)
        if "executor" not in silent:
            self.supervisor.propose(
                make_command(
                    self.contract,
                    self.now,
                    positions,
                    velocities=velocities,
                    base_twist=base_twist,
                    parts=parts,
                )
            )
        return self.step()

    def step(self) -> RobotCommand | None:
        """Step, and follow."""
        output = self.supervisor.step(self.now, DT, self.steady)
        if output is not None:
            self.positions = {**self.positions, **output.positions}
        return output

    def enable(self) -> str | None:
        """Ask for motion; return why not."""
        return self.supervisor.enable_motion(True, self.now)

    def enabled(self) -> Rig:
        """Have motion."""
        self.tick()
        assert self.enable() is None
        return self

    @property
    def state(self) -> tuple[Mode, bool]:
        """Mode and whether motion is enabled."""
        return self.supervisor.mode, self.supervisor.motion_enabled

    def counted(self, name: str) -> tuple[int, int]:
        """How often a rule limited, and how often it held or stopped."""
        count = self.supervisor.counts[name]
        return count.limited, count.stopped
