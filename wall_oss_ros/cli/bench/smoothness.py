"""How smoothly chunks join, by how they are joined and how late they come.

Deterministic: simulated time and seeded noise, so the same seconds give the same table everywhere.
What is run is in `path_episode`, the policy in `path_flow`, the formulas in `core.seams`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.errors import WallOssError
from wall_oss_ros.core.kinematics import InverseKinematics
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.seams import Seams, measure
from wall_oss_ros.ros.locations import robots_folder

try:
    import torch

    from wall_oss_ros.cli.bench.path_episode import PERIOD_S, Episode, Method, run_episode
except ModuleNotFoundError as error:
    raise WallOssError(
        f"bench smoothness needs {error.name}: its flow policy runs on torch; install it with "
        "'make model', or 'pip install torch'"
    ) from None

EPISODE_S = 10.0
# From standstill to chunks that go on from one another, the same for all.
_BEGIN_S = 2.0
_TOOLS = (slice(0, 3), slice(3, 6))

SPLICE = Method("skip and splice", "splice", "off")
ENSEMBLE = Method("temporal ensembling", "ensemble", "off")
BLEND = Method("blend alone", "blend", "off")
GUIDED = Method("real-time chunking, guided", "blend", "guided")
INPAINTED = Method("real-time chunking, inpainted", "blend", "inpainted")
HELD = Method("real-time chunking, prefix", "blend", "prefix")
METHODS = (SPLICE, ENSEMBLE, BLEND, GUIDED, INPAINTED, HELD)
# Those that promise something at every seam.
BOUNDED = (GUIDED, INPAINTED)
DELAYS_S = (0.0, 0.05, 0.1, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Bound:
    """What real-time chunking promises at every seam, for every delay up to 0.3 s.

    Attributes:
        position: largest jump in position [m].
        velocity: largest jump in velocity [m/s].
        step: largest difference of a new chunk to the running motion, 95 % of them [m].
    """

    position: float = 1e-4
    velocity: float = 0.01
    step: float = 1e-3


BOUND = Bound()


@dataclass(frozen=True, slots=True)
class Figures:
    """One line of the table; tools are compared in m, joints in rad.

    Attributes:
        step: 95th percentile of the differences of a new chunk to the running motion [m].
        position, velocity: 95th percentile of the jumps at a seam [m], [m/s].
        largest: the largest of both.
        peak_jerk, rms_jerk: of a tool, median over episodes [m/s^3].
        joint_jerk: largest of a joint, median over episodes [rad/s^3].
        off_path: root of the mean square distance to the goal path [m].
    """

    step: float
    position: float
    velocity: float
    largest: tuple[float, float]
    peak_jerk: float
    rms_jerk: float
    joint_jerk: float
    off_path: float

    def within(self, bound: Bound) -> bool:
        """Return whether they keep a bound."""
        return (
            self.largest[0] <= bound.position
            and self.largest[1] <= bound.velocity
            and self.step <= bound.step
        )


def run(options: argparse.Namespace) -> int:
    """Print the table; return 1 if real-time chunking misses its bound."""
    from wall_oss_ros.kinematics import MinkKinematics

    torch.set_num_threads(1)  # the chunks are small
    contract = load_contract(robots_folder() / "tiago_pro_sim.yaml")
    kinematics = MinkKinematics(contract)
    motions = max(1, round(options.seconds / EPISODE_S))
    print(
        f"{motions} motions of {EPISODE_S:.0f} s per line, both arms of {contract.name}, "
        f"executor at {1 / PERIOD_S:.0f} Hz, chunks of {contract.action.horizon} rows at "
        f"{1 / contract.action.dt:.0f} Hz\n"
    )
    print("\n".join(HEADER), flush=True)
    begin, kept = time.monotonic(), True
    for method in METHODS:
        for delay_s in DELAYS_S:
            figures = figures_of(contract, kinematics, method, delay_s, range(motions))
            print(line(method, delay_s, figures), flush=True)
            if method in BOUNDED and delay_s > 0.0:
                kept = kept and figures.within(BOUND)
    print(
        f"\nguided and inpainted, 50 to 300 ms: every seam within {1e3 * BOUND.position:.2f} "
        f"mm and {1e3 * BOUND.velocity:.0f} mm/s, 95 % of the steps within {1e3 * BOUND.step:.1f} "
        f"mm: {'kept' if kept else 'MISSED'} ({time.monotonic() - begin:.0f} s)"
    )
    return 0 if kept else 1


def figures_of(
    contract: RobotContract,
    kinematics: InverseKinematics,
    method: Method,
    delay_s: float,
    seeds: Sequence[int],
) -> Figures:
    """Run one motion per seed and measure them.

    Args:
        contract: the robot.
        kinematics: of that robot; every motion seeds it anew.
        method: how chunks are joined.
        delay_s: from the capture of an observation to the arrival of its chunk [s].
        seeds: of the goal paths and of the policy.
    """
    episodes = [
        run_episode(contract, kinematics, method, delay_s, seconds=EPISODE_S, seed=seed)
        for seed in seeds
    ]
    tools = [found for episode in episodes for found in _of_tools(episode)]
    position = np.concatenate([found.position for found in tools])
    velocity = np.concatenate([found.velocity for found in tools])
    steps = np.concatenate([episode.step for episode in episodes])
    off = np.concatenate([episode.places - episode.goal for episode in episodes])
    return Figures(
        step=float(np.percentile(steps, 95)),
        position=float(np.percentile(position, 95)),
        velocity=float(np.percentile(velocity, 95)),
        largest=(float(position.max()), float(velocity.max())),
        peak_jerk=float(np.median([found.peak_jerk for found in tools])),
        rms_jerk=float(np.median([found.rms_jerk for found in tools])),
        joint_jerk=float(np.median([_joint_jerk(episode) for episode in episodes])),
        off_path=float(np.sqrt((off.reshape(-1, 3) ** 2).sum(axis=1).mean())),
    )


HEADER = (
    "| joined by | delay [ms] | step of the new chunk p95 [mm] | seam p95 [mm] | seam p95 [mm/s] "
    "| peak jerk [m/s³] | RMS jerk [m/s³] | peak joint jerk [rad/s³] | off the path RMS [mm] |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def line(method: Method, delay_s: float, figures: Figures) -> str:
    """Return a line of the table."""
    return (
        f"| {method.name} | {1e3 * delay_s:.0f} | {1e3 * figures.step:.2f} "
        f"| {1e3 * figures.position:.3f} | {1e3 * figures.velocity:.1f} "
        f"| {figures.peak_jerk:.0f} | {figures.rms_jerk:.1f} | {figures.joint_jerk:.0f} "
        f"| {1e3 * figures.off_path:.1f} |"
    )


def _of_tools(episode: Episode) -> Iterator[Seams]:
    begin, seams = _begun(episode)
    for tool in _TOOLS:
        yield measure(episode.places[begin:, tool], PERIOD_S, seams)


def _joint_jerk(episode: Episode) -> float:
    begin, _ = _begun(episode)
    joints: Array = episode.joints[begin:]
    return max(
        measure(joints[:, [joint]], PERIOD_S, []).peak_jerk for joint in range(joints.shape[1])
    )


def _begun(episode: Episode) -> tuple[int, list[int]]:
    """Return the first sample that counts, and the seams counted from there."""
    begin = round(_BEGIN_S / PERIOD_S)
    return begin, [index - begin for index in episode.taken_over if index > begin]
