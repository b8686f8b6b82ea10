"""Answers with the motion of a recorded episode: what a robot did once, without the policy."""

from __future__ import annotations

import bisect
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import PolicyOutput
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.data.episode_reader import open_episode
from wall_oss_ros.data.recorded_actions import SECOND_NS, RecordedActions, read_actions

# A tool farther than this from where the recording has it is waited for [m].
_BEHIND_M = 0.1
# Older than this, a command is no answer: nothing was executed for a while.
_GAP_NS = SECOND_NS // 4


class ReplayPolicy:
    """Implements `core.policy.Policy`.

    The robot goes where the recorded one was sent: arms, grippers, lift and head to the same poses,
    the base at the same speeds. The recording begins with the first observation after a reset, and
    waits while a tool is more than 0.1 m from it: until motion is enabled, or where the robot is
    slower. Its instruction is the recording's, whatever it is told.
    """

    name = "replay"

    def __init__(self, contract: RobotContract, checkpoint: str) -> None:
        """Prepare.

        Args:
            contract: the robot.
            checkpoint: folder of the episode.
        """
        self._contract = contract
        self._bag = checkpoint
        self._actions: RecordedActions | None = None
        self._mask: NDArray[np.bool_] = np.zeros(action_space.ACTION_DIM, np.bool_)
        self.reset()

    def load(self) -> None:
        """Read the episode.

        Raises:
            EpisodeError: if it cannot be read, or nothing was executed in it.
            PolicyError: if none is given, or it was recorded with another contract.
        """
        if not self._bag:
            raise PolicyError(
                "policy 'replay' needs a recorded episode: give its folder as checkpoint"
            )
        episode = open_episode(Path(self._bag).expanduser())
        if episode.contract.schema_hash != self._contract.schema_hash:
            raise PolicyError(
                f"'{self._bag}' was recorded with robot contract {episode.contract.schema_hash} "
                f"({episode.contract.name}); this one is {self._contract.schema_hash} "
                f"({self._contract.name})"
            )
        self._actions = read_actions(episode)
        for part in self._actions.parts:
            self._mask[action_space.part_columns(part)] = True

    def reset(self) -> None:
        """Start again from the beginning."""
        self._at_ns = 0  # of the recording
        self._seen_ns: int | None = None

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the recorded rows for this time, relative to the observation's state.

        Raises:
            PolicyError: when the recording is over.
        """
        actions = self._actions
        assert actions is not None  # loaded
        self._advance(observation, actions)
        step_ns = round(self._contract.action.dt * SECOND_NS)
        begin_ns, end_ns = actions.stamps_ns[0], actions.stamps_ns[-1]
        rows = []
        for number in range(self._contract.action.horizon):
            due_ns = begin_ns + self._at_ns + (number + 1) * step_ns
            row = actions.at(due_ns, _GAP_NS)
            if due_ns > end_ns or row is None:
                break
            rows.append(self._filled(row, observation.state))
        if not rows:
            length_s = (end_ns - begin_ns) / SECOND_NS
            raise PolicyError(f"the recording is over after {length_s:.1f} s; reset repeats it")
        relative = relative_actions(np.stack(rows), observation.state)
        return PolicyOutput(actions=relative, mask=self._mask.copy())

    def _advance(self, observation: Observation, actions: RecordedActions) -> None:
        """Go on by the time since the last observation, unless the robot is far behind."""
        before_ns, self._seen_ns = self._seen_ns, observation.stamp_ns
        if before_ns is None:
            return
        next_ns = self._at_ns + max(0, observation.stamp_ns - before_ns)
        if not any(
            self._near(at_ns, actions, observation.state) for at_ns in (self._at_ns, next_ns)
        ):
            return
        self._at_ns = next_ns
        begin_ns = actions.stamps_ns[0]
        if actions.at(begin_ns + next_ns, _GAP_NS) is None:
            # Motion was off for a while: go on where it was on again.
            later = bisect.bisect_right(actions.stamps_ns, begin_ns + next_ns)
            for on_again_ns in actions.stamps_ns[later : later + 1]:
                self._at_ns = on_again_ns - begin_ns

    def _near(self, at_ns: int, actions: RecordedActions, state: Array) -> bool:
        """Return whether every commanded tool is near where it is wanted at a time."""
        wanted = actions.at(actions.stamps_ns[0] + at_ns, _GAP_NS)
        if wanted is None:
            return False
        columns = [action_space.POSITION[side] for side in action_space.SIDES]
        gaps = [float(np.linalg.norm(wanted[c] - state[c])) for c in columns]
        return not any(gap > _BEHIND_M for gap in gaps)  # NaN: not commanded

    def _filled(self, row: Array, state: Array) -> Array:
        """Return a row whose parts without a command stay where they are."""
        rest = state.copy()
        rest[action_space.BASE] = 0.0  # speeds
        return np.where(np.isfinite(row), row, rest)
