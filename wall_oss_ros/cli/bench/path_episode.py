"""One motion along a wandering path: policy session and executor on simulated time, chunks late.

Between them is what the nodes have: chunks that arrive after a delay, and the executor's reports of
what it is committed to, one period later. The robot does what it is told at once, so nothing but
the joining of chunks moves the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.cli.bench.path_flow import PLACES, PathPolicy, wandering_goal
from wall_oss_ros.core.admission import ChunkOutcome
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.chunk_trajectory import ChunkTrajectory
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.executor import ChunkExecutor, ExecutorSettings
from wall_oss_ros.core.kinematics import InverseKinematics, JointStep, Reached, Survey
from wall_oss_ros.core.motion import at_rest
from wall_oss_ros.core.observation import JointSample, Observation, state_vector
from wall_oss_ros.core.policy_session import PolicySession, PolicySettings
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings

PERIOD_S = 0.01
_PERIOD_NS = round(PERIOD_S * NANOSECONDS)
# Pictures come this often; an inference takes the newest once the last chunk is out.
_PICTURE_TICKS = 10
_REPORT_TICKS = 10
_START_NS = 1_000 * NANOSECONDS


@dataclass(frozen=True, slots=True)
class Method:
    """A way to go from one chunk to the next.

    Attributes:
        name: what it is called.
        join: of the executor, see `core.timeline.TimelineSettings`.
        continuation: of the policy, see `policies.wall_oss_settings.WallOssSettings`.
    """

    name: str
    join: str
    continuation: str


@dataclass(frozen=True, slots=True, eq=False)
class Episode:
    """What was done, sampled at `PERIOD_S`.

    Attributes:
        places: (N, 6) where the timeline had both tools [m].
        joints: (N, J) what the arms' joints were commanded [rad].
        taken_over: index of the first sample of every chunk that was taken.
        step: (S,) how far each of these chunks, at the moment it was taken, was from what was
            being followed, the farther tool [m]: what a splice jumps and a join has to bridge.
        frozen: (S,) rows at its start that it took over from the motion of before.
        goal: (N, 6) where the goal path had both tools [m].
    """

    places: Array
    joints: Array
    taken_over: tuple[int, ...]
    step: Array
    frozen: tuple[int, ...]
    goal: Array


class _Targets:
    """Passes everything on to a robot's kinematics and keeps the tool targets it was given."""

    def __init__(self, kinematics: InverseKinematics) -> None:
        self._kinematics = kinematics
        self.positions: list[Array] = []

    def tool_poses(self, positions: Mapping[str, float]) -> dict[str, Pose]:
        return self._kinematics.tool_poses(positions)

    def survey(self, positions: Mapping[str, float], links: Sequence[str] = ()) -> Survey:
        return self._kinematics.survey(positions, links)

    def reach(
        self,
        start: Mapping[str, float],
        targets: Sequence[Mapping[str, Pose]],
        direct: Sequence[Mapping[str, float]],
        links: Sequence[str] = (),
    ) -> list[Reached]:
        return self._kinematics.reach(start, targets, direct, links)

    def seed(self, positions: Mapping[str, float]) -> None:
        self._kinematics.seed(positions)

    def step(
        self, targets: Mapping[str, Pose], direct: Mapping[str, float], dt: float
    ) -> JointStep:
        self.positions.append(np.concatenate([targets[s].position for s in ("left", "right")]))
        return self._kinematics.step(targets, direct, dt)


def run_episode(
    contract: RobotContract,
    kinematics: InverseKinematics,
    method: Method,
    delay_s: float,
    *,
    seconds: float,
    seed: int,
) -> Episode:
    """Follow one wandering path; the same arguments give the same episode.

    Args:
        contract: the robot; it begins at home.
        kinematics: its own.
        method: how chunks are joined.
        delay_s: from the capture of an observation to the arrival of its chunk [s].
        seconds: how long [s].
        seed: of the path and of the policy's noise.
    """
    return _Run(contract, kinematics, method, round(delay_s * NANOSECONDS), seed).run(seconds)


@dataclass(slots=True)
class _Late:
    """What is on its way, and when it arrives [ns]."""

    chunk: tuple[int, ActionChunk] | None = None
    report: CommittedPlan | None = None


class _Run:
    def __init__(
        self,
        contract: RobotContract,
        kinematics: InverseKinematics,
        method: Method,
        delay_ns: int,
        seed: int,
    ) -> None:
        self._contract, self._delay_ns = contract, delay_ns
        self._targets = _Targets(kinematics)
        self._positions = dict(contract.home)
        self._executor = ChunkExecutor(
            contract, self._targets, ExecutorSettings(join=method.join, look_ahead=False)
        )
        self._executor.allow_motion(True, "")
        self._goal = wandering_goal(self._state()[PLACES], seed)
        settings = WallOssSettings(continuation=method.continuation, seed=seed)
        self._session = PolicySession(
            contract,
            PathPolicy(contract, self._goal, _START_NS, settings),
            PolicySettings(),
            first_epoch=1,
            enabled=True,
        )
        self._session.load()
        self._session.instruct("follow the path")
        self._late = _Late()
        self._said = (0, 0, False)
        self._seq = 0
        self._joints: list[list[float]] = []
        self._taken_over: list[int] = []
        self._steps: list[float] = []
        self._frozen: list[int] = []

    def run(self, seconds: float) -> Episode:
        ticks = range(round(seconds / PERIOD_S))
        for tick in ticks:
            self._tick(tick, _START_NS + tick * _PERIOD_NS)
        return Episode(
            places=np.array(self._targets.positions),
            joints=np.array(self._joints),
            taken_over=tuple(self._taken_over),
            step=np.array(self._steps),
            frozen=tuple(self._frozen),
            goal=np.array([self._goal(tick * PERIOD_S) for tick in ticks]),
        )

    def _tick(self, tick: int, now_ns: int) -> None:
        self._executor.measure(self._sample(now_ns))
        self._session.committed(self._late.report)
        if tick > 0:  # the first tick begins at the measured pose, without a chunk
            self._arrive(now_ns)
            if tick % _PICTURE_TICKS == 0 and self._late.chunk is None:
                self._think(now_ns)
                self._arrive(now_ns)  # where there is no delay
        command = self._executor.tick(now_ns, PERIOD_S)
        self._positions |= command.positions
        self._joints.append(
            [
                command.positions[joint]
                for arm in self._contract.arms.values()
                for joint in arm.joints
            ]
        )
        # As the node does: on every chunk, on every change, and ten times a second.
        said = (self._executor.accepted, self._executor.rejected, self._executor.following)
        if said != self._said or tick % _REPORT_TICKS == 0:
            self._said, self._late.report = said, self._executor.committed(now_ns)

    def _think(self, now_ns: int) -> None:
        times = iter((now_ns, now_ns + self._delay_ns))
        chunk = self._session.infer(self._observe(now_ns), lambda: next(times))
        assert chunk is not None, self._session.status(now_ns)
        self._late.chunk = now_ns + self._delay_ns, chunk

    def _arrive(self, now_ns: int) -> None:
        if self._late.chunk is None or self._late.chunk[0] > now_ns:
            return
        chunk, self._late.chunk = self._late.chunk[1], None
        if self._executor.following:
            self._compare(chunk, now_ns - _PERIOD_NS)
        outcome = self._executor.offer(chunk, now_ns)
        assert outcome is ChunkOutcome.ACCEPTED, outcome

    def _compare(self, chunk: ActionChunk, last_ns: int) -> None:
        """Note by how much a chunk differs from what was done last, where it takes over."""
        rows = ChunkTrajectory(chunk, at_rest(self._state()), chunk.horizon, start_s=0.0)
        new = rows.sample((last_ns - chunk.stamp_ns) / NANOSECONDS)
        apart = (new.linear[:6] - self._targets.positions[-1]).reshape(2, 3)
        self._steps.append(float(np.linalg.norm(apart, axis=1).max()))
        self._taken_over.append(len(self._targets.positions))
        self._frozen.append(chunk.frozen_prefix)

    def _sample(self, now_ns: int) -> JointSample:
        names = self._contract.joint_names
        positions = np.array([self._positions[name] for name in names])
        return JointSample(now_ns, names, positions, np.zeros(len(names)))

    def _state(self) -> Array:
        tools = self._targets.tool_poses(self._positions)
        return state_vector(self._contract, self._positions, tools, np.zeros(3))

    def _observe(self, now_ns: int) -> Observation:
        self._seq += 1
        return Observation(
            stamp_ns=now_ns,
            seq=self._seq,
            cameras=(),
            skew_s=0.0,
            joints=self._sample(now_ns),
            joint_age_s=0.0,
            tools=self._targets.tool_poses(self._positions),
            base_twist=np.zeros(3),
            state=self._state(),
            schema=self._contract.schema_hash,
        )
