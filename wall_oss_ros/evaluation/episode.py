"""One episode of a policy in simulation, in the lockstep loop, and what is worth telling of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.safety.verdict import Severity
from wall_oss_ros.policies.instructions import parse
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot
from wall_oss_ros.sim.scene import CUBE_COLOURS

TOLD, OTHER = "as asked", "wrong colour named"
CONTROLS = (TOLD, OTHER)


@dataclass(frozen=True, slots=True)
class Case:
    """What is tried.

    Attributes:
        task: of the simulator.
        seed: of the scene.
        control: one of CONTROLS.
        speed: part of the speed that the policy means, above 0 to 1.
        limit_s: when to give up, at full speed [s]; slower ones get more.
    """

    task: str
    seed: int
    control: str = TOLD
    speed: float = 1.0
    limit_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        case: what was tried.
        instruction: what the policy was told.
        success: whether the task of the scene was completed, whatever the policy was told.
        progress: of that task, 0 to 100.
        milestones: steps of it that were reached.
        seconds: simulated, until success or the end [s].
        chunks: that the policy gave.
        thinking_ms: how long the policy took for one, median and 95th percentile [ms].
        cut: chunks of which look-ahead did not let all rows pass.
        limited: commands that a safety rule changed.
        held: commands that a safety rule did not let pass.
        revoked: why motion was revoked, "" if it was not.
        failures: observations that the policy could not answer.
    """

    case: Case
    instruction: str
    success: bool
    progress: float
    milestones: tuple[str, ...]
    seconds: float
    chunks: int
    thinking_ms: tuple[float, float]
    cut: int
    limited: int
    held: int
    revoked: str
    failures: int


def run_episode(
    loop: Lockstep, case: Case, watch: Callable[[SimRobot], None] = lambda robot: None
) -> Outcome:
    """Reset the scene, tell the policy, and look on.

    Args:
        loop: with simulator and policy.
        case: what is tried.
        watch: called at every tick of the simulator.

    Raises:
        PolicyError: for a control that the task's instruction does not allow.
        SimulationError: for an unknown task.
    """
    robot = loop.robot
    robot.reset(task=case.task, seed=case.seed)
    instruction = robot.task_state().instruction
    if case.control == OTHER:
        instruction = with_other_colour(instruction, case.seed)
    begin_ns = robot.time_ns
    limited, held = 0, 0
    loop.restart()
    loop.executor.set_speed(case.speed)
    loop.session.instruct(instruction)
    end_ns = begin_ns + round(case.limit_s / case.speed * 1e9)
    last = None
    while robot.time_ns < end_ns and not robot.task_state().success:
        loop.step()
        watch(robot)
        verdict = loop.supervisor.last_verdict
        if verdict is not None and verdict is not last:
            limited += verdict.severity == Severity.LIMIT
            held += verdict.severity > Severity.LIMIT
        last = verdict
    state = robot.task_state()
    times = np.array(loop.thinking_ms or [0.0])
    stopped = not loop.supervisor.motion_enabled
    return Outcome(
        case=case,
        instruction=instruction,
        success=state.success,
        progress=state.progress,
        milestones=state.milestones,
        seconds=(robot.time_ns - begin_ns) * 1e-9,
        chunks=loop.session.chunks,
        thinking_ms=(float(np.median(times)), float(np.quantile(times, 0.95))),
        cut=loop.cut_chunks,
        limited=limited,
        held=held,
        revoked="; ".join(loop.supervisor.latched_causes) if stopped else "",
        failures=loop.session.failures,
    )


def with_other_colour(instruction: str, seed: int) -> str:
    """Return an instruction that names another cube of the scene.

    Args:
        instruction: names one colour.
        seed: chooses among the others.

    Raises:
        PolicyError: if it names another number of colours than one.
    """
    colours = parse(instruction).colours
    if len(colours) != 1:
        raise PolicyError(
            f"'{instruction}' names {len(colours)} colours; the control with a wrong one needs one"
        )
    others = [colour for colour in CUBE_COLOURS if colour != colours[0]]
    return instruction.replace(colours[0], others[seed % len(others)])
