"""Many episodes, in as many processes as wanted; each builds simulator and policy once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.core.process_pool import process_pool
from wall_oss_ros.core.settings import Settings
from wall_oss_ros.evaluation.episode import Case, Outcome, run_episode
from wall_oss_ros.evaluation.spectator import Spectator
from wall_oss_ros.policies.registry import make_policy
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is judged, and how it sees and is slow.

    Attributes:
        robot: file of the contract.
        policy: name of the back end.
        checkpoint: what it loads, "" for nothing.
        settings: of the back end; None for its own defaults.
        image_size: pictures [px]; 0 where the policy looks at none.
        latency_s: from pictures to the chunk at the executor [s], simulated.
        films: folder for films, "" for none.
    """

    robot: Path
    policy: str
    checkpoint: str = ""
    settings: Settings | None = None
    image_size: int = 224
    latency_s: float = 0.1
    films: str = ""


def evaluate(
    candidate: Candidate, cases: Sequence[Case], filmed: frozenset[int], workers: int
) -> Iterator[Outcome]:
    """Yield the outcome of every case, in the order in which they come.

    Args:
        candidate: what is judged.
        cases: what is tried.
        filmed: seeds of the episodes of which a film is made.
        workers: processes; 1 stays in this one.

    Raises:
        WallOssError: if simulator or policy cannot be built, or a case makes no sense.
    """
    if workers == 1:
        arena = Arena(candidate)
        for case in cases:
            yield arena.run(case, case.seed in filmed)
        return
    with process_pool(workers) as pool:
        futures = [pool.submit(_work, candidate, case, case.seed in filmed) for case in cases]
        for future in as_completed(futures):
            yield future.result()


class Arena:
    """A simulator and a policy, used by one thread.

    Args:
        candidate: what is judged.
    """

    def __init__(self, candidate: Candidate) -> None:
        contract = load_contract(candidate.robot)
        self._candidate, self._robot = candidate, SimRobot(contract)
        policy = make_policy(candidate.policy, contract, candidate.checkpoint, candidate.settings)
        blank = dict.fromkeys(contract.cameras, np.zeros((4, 4, 3), np.uint8))
        self._cameras: SimCameras | None = None
        if candidate.image_size or candidate.films:
            self._cameras = SimCameras(
                self._robot.model, tuple(contract.cameras), candidate.image_size or 224
            )
        drawn = self._cameras.render if self._cameras and candidate.image_size else None
        self._loop = Lockstep(
            contract,
            self._robot,
            policy,
            latency_s=candidate.latency_s,
            render=drawn or (lambda snapshot: blank),
        )

    def run(self, case: Case, filmed: bool) -> Outcome:
        """Return what comes of a case."""
        if not filmed or self._cameras is None:
            return run_episode(self._loop, case)
        name = f"{case.task}_{case.seed}_{case.control.replace(' ', '_')}.webp"
        spectator = Spectator(self._cameras, Path(self._candidate.films) / name)
        outcome = run_episode(self._loop, case, spectator.watch)
        spectator.save()
        return outcome


_arena: list[Arena] = []


def _work(candidate: Candidate, case: Case, filmed: bool) -> Outcome:
    # Not in the pool's initializer: what that raises reaches nobody, the pool is only "broken".
    if not _arena:
        _arena.append(Arena(candidate))
    return _arena[0].run(case, filmed)
