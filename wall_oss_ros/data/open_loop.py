"""A recorded episode's observations through a policy, without a robot.

Open loop: whatever the policy answers, the next observation is the recorded one. What it answers is
compared with what was executed, judged as the supervisor's look-ahead would judge it, and joined to
one motion, whose seams are measured.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.assembler import AssemblerSettings
from wall_oss_ros.core.chunk import ActionChunk, StageTimes, chunk_from_output
from wall_oss_ros.core.errors import EpisodeError, PolicyError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.open_loop import AnsweredChunk, followed
from wall_oss_ros.core.policy import PlanAware, Policy
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.look_ahead import LookAhead
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings
from wall_oss_ros.core.seams import Seams, measure
from wall_oss_ros.data.episode_reader import RecordedEpisode
from wall_oss_ros.data.recorded_actions import SECOND_NS, RecordedActions, read_actions
from wall_oss_ros.data.recorded_observations import (
    Observer,
    check_inputs,
    input_topics,
    observations,
)
from wall_oss_ros.kinematics import MinkKinematics

# An executed command older than this is not what was done at a time.
_AGE_NS = SECOND_NS // 4
# Samples that are needed to measure how smooth a motion is.
_FEWEST = 4
# Distance to a face of the workspace; only speed depends on it, and look-ahead judges places.
_MARGIN_M = 0.05


@dataclass(slots=True, eq=False)
class OpenLoop:
    """What came of an episode.

    Attributes:
        name: the episode's.
        rows: of each chunk that count as followed.
        dt: time between rows [s].
        answered: the chunks, oldest first.
        absolute: per chunk its rows (H, 26) absolute, NaN where nothing is commanded.
        actions: what was executed.
        safe_rows: per chunk how many rows look-ahead would let pass.
        cut: chunks that it would cut, by reason.
        failed: observations without an answer, by reason.
    """

    name: str
    rows: int
    dt: float
    actions: RecordedActions
    answered: list[AnsweredChunk] = field(default_factory=list)
    absolute: list[Array] = field(default_factory=list)
    safe_rows: list[int] = field(default_factory=list)
    cut: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def seams(self, side: str) -> list[tuple[Seams, Seams]]:
        """Return how smooth a tool's answered motion is, and its executed one at the same times.

        One pair for each run of chunks in which the next one begins before the last one ends.
        Answered is what an executor without any blending would do: the newest chunk, linear
        between its rows. Empty for a tool that is not commanded.
        """
        place = action_space.POSITION[side]
        stamps_s = [chunk.stamp_ns / SECOND_NS for chunk in self.answered]
        commanded = np.isfinite(self.actions.rows[:, place]).all(axis=1)
        if not commanded.any():
            return []
        done_s = np.array(self.actions.stamps_ns)[commanded] / SECOND_NS
        done = self.actions.rows[commanded, place]
        pairs = []
        for run in _runs(stamps_s, [len(rows) for rows in self.absolute], self.dt):
            chunks = [self.absolute[number][:, place] for number in run]
            motion = followed([stamps_s[number] for number in run], chunks, self.dt, done_s[-1])
            if len(motion.times_s) < _FEWEST or not np.isfinite(motion.places).all():
                continue
            was = np.stack([np.interp(motion.times_s, done_s, column) for column in done.T], axis=1)
            given = measure(motion.places, self.dt, motion.taken_over)
            pairs.append((given, measure(was, self.dt, motion.taken_over)))
        return pairs


def _runs(stamps_s: list[float], rows: list[int], dt: float) -> list[list[int]]:
    """Return numbers of chunks in runs: a chunk's first row is due before the last one ends."""
    runs: list[list[int]] = []
    for number, stamp_s in enumerate(stamps_s):
        if number and stamp_s <= stamps_s[number - 1] + rows[number - 1] * dt:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def run_open_loop(
    episode: RecordedEpisode,
    policy: Policy,
    *,
    rows: int,
    instruction: str = "",
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[float], None] = lambda seconds: None,
) -> OpenLoop:
    """Ask a policy once every `rows` rows of an episode.

    Args:
        episode: recorded with commands that were executed.
        policy: loaded; it is reset first.
        rows: of each chunk that count as followed, 1 to the contract's horizon.
        instruction: another one than the recorded.
        clock: times inference [s].
        progress: called with seconds of the episode that are over.

    Raises:
        EpisodeError: if it cannot be read, lacks what observations need, nothing was executed, or
            the policy answered nothing.
    """
    contract = episode.contract
    if not 1 <= rows <= contract.action.horizon:
        raise PolicyError(
            f"rows of a chunk that are followed: got {rows}; expected 1 to "
            f"{contract.action.horizon}"
        )
    said = instruction or episode.record.label.instruction
    if not said.strip():
        raise EpisodeError(
            f"{episode.path}: nobody said what the robot was told; label it, or give an instruction"
        )
    check_inputs(episode)
    kinematics = MinkKinematics(contract)
    boundaries = Boundaries(contract, kinematics, _MARGIN_M)
    look_ahead = LookAhead(contract, kinematics, boundaries, LookAheadSettings())
    found = OpenLoop(episode.path.name, rows, contract.action.dt, read_actions(episode))
    policy.reset()
    for observation in _asked(episode, found):
        progress((observation.stamp_ns - episode.record.begin_ns) / SECOND_NS)
        begin = clock()
        try:
            if isinstance(policy, PlanAware):
                policy.committed(None)
            output = policy.infer(observation, said)
            took_ms = 1e3 * (clock() - begin)
            chunk = chunk_from_output(
                output,
                observation,
                contract,
                seq=len(found.answered) + 1,
                epoch=1,
                instruction=said,
                policy=policy.name,
                stages=StageTimes(),
            )
        except PolicyError as error:
            found.failed[str(error)] += 1
            continue
        _take(found, chunk, observation, took_ms)
        verdict = look_ahead.judge(chunk, observation.joints.position_of())
        found.safe_rows.append(verdict.safe_rows)
        if verdict.safe_rows < chunk.horizon:
            found.cut[verdict.rule] += 1
    if not found.answered:
        why = "; ".join(f"{count} x {reason}" for reason, count in found.failed.most_common(3))
        raise EpisodeError(
            f"{episode.path}: the policy answered nothing: {why or 'no observation of executed'}"
        )
    return found


def _asked(episode: RecordedEpisode, found: OpenLoop) -> Iterator[Observation]:
    """Yield an observation every `rows` rows, while something was executed."""
    contract = episode.contract
    observer = Observer(contract, MinkKinematics(contract), AssemblerSettings(), str(episode.path))
    step_ns = round(found.rows * found.dt * SECOND_NS)
    next_ns = found.actions.stamps_ns[0]
    for observation in observations(episode.messages(input_topics(contract)), observer):
        if not next_ns <= observation.stamp_ns < found.actions.stamps_ns[-1]:
            continue
        if found.actions.at(observation.stamp_ns, _AGE_NS) is None:
            continue
        next_ns = max(next_ns, observation.stamp_ns - step_ns) + step_ns
        yield observation
    found.failed.update({f"no observation: {why}": n for why, n in observer.refused.items()})


def _take(found: OpenLoop, chunk: ActionChunk, observation: Observation, took_ms: float) -> None:
    done = np.full(chunk.actions.shape, np.nan)
    for row in range(chunk.horizon):
        wanted = found.actions.at(chunk.due_ns(row), _AGE_NS)
        if wanted is not None and chunk.due_ns(row) <= found.actions.stamps_ns[-1]:
            done[row] = wanted
    found.answered.append(
        AnsweredChunk(
            stamp_ns=chunk.stamp_ns,
            state=observation.state,
            rows=np.where(chunk.mask, chunk.raw_actions, np.nan),
            done=_relative(done, observation.state),
            took_ms=took_ms,
        )
    )
    found.absolute.append(np.where(chunk.mask, chunk.actions, np.nan))


def _relative(done: Array, state: Array) -> Array:
    """Return absolute rows relative to a state; NaN stays NaN."""
    filled = np.where(np.isfinite(done), done, state)
    return np.where(np.isfinite(done), relative_actions(filled, state), np.nan)
