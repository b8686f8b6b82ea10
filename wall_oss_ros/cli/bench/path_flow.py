"""A flow policy that is known in closed form, for measuring how chunks join.

A trained model cannot be shipped with the bench, and its chunks would not say what the right answer
is. Here the data are paths drawn from a Gaussian process around a goal path, and the flow from
noise to such data has an exact velocity. It is integrated, guided and held by the very code that
does it for Wall-OSS (`model.flow`, `model.rtc`, `policies.going_on`).

The process. A demonstrated path of the tools is ``goal(t) + g(t)``, g with the covariance
``k(t, t') = s^2 exp(-(t - t')^2 / 2 l^2)`` per axis. The policy sees where the tools are, and, as
most policies, not how fast they move. What it has learned is therefore the process given
``g(0) = p - goal(0)``: for rows at times t_j after the observation, with
``w_j = k(t_j, 0) / k(0, 0)``,

    mean_j = goal(t_j) + w_j (p - goal(0)),        cov_ij = k(t_i, t_j) - w_i w_j k(0, 0).

Every chunk begins where the tools are and wanders off by itself, so two chunks from almost the same
observation disagree more the farther they look ahead, as those of a policy with several ways to do
a thing.

The flow. With noise e of N(0, I) and data a of N(m, C), x = (1 - t) e + t a is normal with mean t m
and covariance S = (1 - t)^2 I + t^2 C. The velocity that carries one into the other is
v(x, t) = E[a - e | x] (arXiv 2210.02747), and for jointly normal variables

    E[a | x] = m + t C S^-1 (x - t m),        E[e | x] = (1 - t) S^-1 (x - t m),
    v(x, t) = m + (t C - (1 - t) I) S^-1 (x - t m),

which is diagonal in the eigenvectors of C.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk, PolicyOutput
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.relative import neutral_row
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.model.flow import Velocity, integrate, sliding, times
from wall_oss_ros.model.rtc import Continuation, pulled, with_prefix
from wall_oss_ros.policies.going_on import GoingOn
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings

# Positions of both tools: what moves. Orientations, lift and head stay as they are.
PLACES = [
    column
    for side in action_space.SIDES
    for column in range(*action_space.POSITION[side].indices(action_space.ACTION_DIM))
]
# One unit of the flow [m], about what a chunk travels: statistics of a data set do the same.
UNIT_M = 0.1
# How far paths wander from the goal path [m], and how soon they forget where they were [s].
WANDER_M, MEMORY_S = 0.02, 0.5

Goal = Callable[[float], Array]


class PathFlow:
    """The velocity of the flow towards the next rows of a path, for one spacing of rows.

    Args:
        horizon: rows.
        dt: time between them [s].
    """

    def __init__(self, horizon: int, dt: float) -> None:
        at = np.arange(1, horizon + 1) * dt
        spread = (WANDER_M / UNIT_M) ** 2
        self._pull = np.exp(-0.5 * (at / MEMORY_S) ** 2)  # w, (H,)
        covariance = np.exp(-0.5 * ((at[:, None] - at) / MEMORY_S) ** 2)
        covariance = spread * (covariance - np.outer(self._pull, self._pull))
        values, vectors = np.linalg.eigh(covariance)
        self._values = torch.from_numpy(np.maximum(values, 0.0)).float()  # (H,)
        self._vectors = torch.from_numpy(vectors).float()  # (H, H)

    def mean(self, goal: Array, off: Array) -> Tensor:
        """Return the mean of the data (1, H, D).

        Args:
            goal: (H, D) goal path at the rows' times, relative to where the tools are [m].
            off: (D,) where the tools are, minus the goal path at that time [m].
        """
        rows = (goal + self._pull[:, None] * off) / UNIT_M
        return torch.from_numpy(rows).float()[None]

    def velocity(self, mean: Tensor) -> Velocity:
        """Return v(x, t) for x (B, H, D) towards data of this mean (1, H, D)."""

        def at(x: Tensor, time: Tensor) -> Tensor:
            spread = (1.0 - time) ** 2 + time**2 * self._values
            gain = (time * self._values - (1.0 - time)) / spread
            inner = self._vectors.T @ (x - time * mean)
            return mean + self._vectors @ (gain[:, None] * inner)

        return at


class PathPolicy:
    """Implements `core.policy.Policy` and `core.policy.PlanAware` with a `PathFlow`.

    Args:
        contract: the robot.
        goal: both tools' positions (6,) in their arms' frames at a time since `start_ns` [m].
        start_ns: when the goal path begins [ns].
        settings: continuation, guidance, steps and seed are read.
    """

    name = "path_flow"

    def __init__(
        self, contract: RobotContract, goal: Goal, start_ns: int, settings: WallOssSettings
    ) -> None:
        self._dt, self._horizon = contract.action.dt, contract.action.horizon
        self._goal, self._start_ns, self._settings = goal, start_ns, settings
        self._mask = action_space.part_mask(["left_arm", "right_arm"])
        self._flow = PathFlow(self._horizon, self._dt)
        self._going_on = GoingOn(settings.continuation, settings, self._dt, self._mask)
        self._noise = torch.Generator()

    def load(self) -> None:
        """Nothing is slow here."""
        self.reset()

    def reset(self) -> None:
        """Forget the running motion; noise begins anew."""
        self._going_on.forget()
        self._noise.manual_seed(self._settings.seed)

    def committed(self, plan: CommittedPlan | None) -> None:
        """Learn what the executor is committed to."""
        self._going_on.committed(plan)

    def published(self, chunk: ActionChunk) -> None:
        """Learn as which chunk the last answer goes to the executor."""
        self._going_on.published(chunk, slow=False)

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the next rows."""
        rows = self._going_on.rows(observation, self._horizon)
        continuation = None
        if rows is not None:
            told = torch.from_numpy(rows[:, PLACES] / UNIT_M).float()[None]
            continuation = self._going_on.continuation(told)
        generated = self._generate(self._mean(observation), continuation)
        actions = np.tile(neutral_row(), (self._horizon, 1))
        actions[:, PLACES] = generated[0].double().numpy() * UNIT_M
        frozen = continuation.delay if continuation is not None else 0
        actions = self._going_on.leaving(actions)
        return PolicyOutput(actions=actions, mask=self._mask, frozen_prefix=frozen)

    def _mean(self, observation: Observation) -> Tensor:
        now_s = (observation.stamp_ns - self._start_ns) / NANOSECONDS
        place = observation.state[PLACES]
        ahead = np.stack([self._goal(now_s + (row + 1) * self._dt) for row in range(self._horizon)])
        return self._flow.mean(ahead - place, place - self._goal(now_s))

    @torch.no_grad()
    def _generate(self, mean: Tensor, continuation: Continuation | None) -> Tensor:
        """Walk from noise to actions (1, H, D) as `model.engine` does."""
        noise = torch.randn(mean.shape, generator=self._noise)
        mask = torch.ones_like(mean)
        velocity, free, target = self._flow.velocity(mean), mask, torch.zeros_like(mean)
        if continuation is not None and continuation.guidance is not None:
            rows, weight = continuation.pull(mask)
            velocity = pulled(velocity, rows, weight, mask, continuation.guidance)
        elif continuation is not None:
            free, target = continuation.hold(free, target, mask)
        velocity = sliding(velocity, noise, target, free)
        actions = integrate(velocity, noise, times(self._settings.steps, 1.0, 1.0))
        if continuation is None:
            return actions
        return with_prefix(actions, continuation.rows, continuation.delay, mask)


def wandering_goal(start: Array, seed: int) -> Goal:
    """Return a path of both tools that begins at rest at `start` (6,) and goes about it [m].

    Three sines per axis, of 1.5 to 6 s and 0.8 to 2 cm, faded in over the first second.
    """
    random = np.random.default_rng(seed)
    period_s = random.uniform(1.5, 6.0, (3, len(start)))
    phase = random.uniform(0.0, 2.0 * math.pi, (3, len(start)))
    size = random.uniform(0.008, 0.02, (3, len(start)))

    def goal(time_s: float) -> Array:
        angle = 2.0 * math.pi * time_s / period_s + phase
        begun = min(max(time_s, 0.0), 1.0)
        fade = begun**3 * (10.0 - 15.0 * begun + 6.0 * begun**2)
        moved: Array = start + fade * (size * (np.sin(angle) - np.sin(phase))).sum(axis=0)
        return moved

    return goal
