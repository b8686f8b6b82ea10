"""Episodes of an evaluation in the full graph: real nodes, one scene after the other.

What the lockstep loop (`evaluation/evaluate.py`) leaves out counts here: how long things really
take, transport, and nodes that wait for a processor. Simulated time waits for the pictures; where
this machine cannot draw them as fast as they are due, thinking counts for as much less.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
from std_msgs.msg import Float64

from wall_oss_ros.cli.parameter_file import parameter_file
from wall_oss_ros.cli.session import session
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.core.settings import settings_of
from wall_oss_ros.evaluation.episode import OTHER, Case, Outcome, with_other_colour
from wall_oss_ros.evaluation.evaluate import Candidate
from wall_oss_ros.msg import ActionChunk, ChunkVerdict, PolicyState, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.conductor import Conductor
from wall_oss_ros.srv import ResetScene

# A model that compiles takes long for its first chunk; a new instruction takes one inference.
_FIRST_CHUNK_S, _ENABLING_S, _RESET_S = 120.0, 15.0, 30.0
_BRAKING_S, _REPORT_S = 1.0, 5.0
# Below this real-time factor it is said what that means.
_SLOW = 0.95
# Without pictures for the policy the cameras still run.
_UNSEEN_PICTURE = 224


def evaluate_nodes(candidate: Candidate, cases: Sequence[Case]) -> Iterator[Outcome]:
    """Yield the outcome of every case, in order; the graph runs as long as it is iterated.

    Args:
        candidate: what is judged; its latency is not read, it is what it is.
        cases: what is tried.

    Raises:
        WallOssError: if the graph does not start or ends, or motion cannot be enabled.
    """
    chosen = candidate.settings
    values = {s.name: getattr(chosen, s.name) for s in settings_of(type(chosen))} if chosen else {}
    with parameter_file({"policy": {candidate.policy: values}} if values else {}) as params:
        arguments = {
            "robot": str(candidate.robot),
            "policy": candidate.policy,
            "checkpoint": candidate.checkpoint,
            "params": str(params) if values else "",
            "image_size": str(candidate.image_size or _UNSEEN_PICTURE),
            "log_level": "error",
            "use_sim_time": "true",
        }
        with session(arguments) as running:
            running.conductor.begin(running.runner.managed)
            arena = NodeArena(running.conductor)
            slowest = 1.0
            for case in cases:
                yield arena.run(case)
                slowest = min(slowest, running.conductor.task.real_time_factor)
    if slowest < _SLOW:
        print(
            f"simulated time passed at down to {slowest:.2f} of real time: thinking, which takes "
            "as long as it takes, cost the robot as much less",
            flush=True,
        )


class NodeArena:
    """Scenes, one after the other, in a running graph.

    Args:
        conductor: its client.
    """

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._chunks: list[ActionChunk] = []
        self._cut = 0
        node = conductor.node
        node.create_subscription(ActionChunk, "action_chunk", self._chunks.append, qos.EVENTS)
        node.create_subscription(ChunkVerdict, "chunk_verdict", self._on_verdict, qos.EVENTS)
        self._speed = node.create_publisher(Float64, "chunk_executor/speed_scale", qos.STATE)

    def run(self, case: Case) -> Outcome:
        """Put up the scene, tell the policy, enable motion, and look on.

        Raises:
            PolicyError: for a control that the task's instruction does not allow.
            BringUpError: if the scene does not come up or motion cannot be enabled.
        """
        conductor = self._conductor
        instruction = self._put_up(case)
        self._speed.publish(Float64(data=case.speed))
        self._chunks.clear()
        self._cut = 0
        conductor.enable_motion(_ENABLING_S)
        # The newest report is still of before: the reset was a jump, which may have been a cause to
        # revoke what was not enabled. What does revoke motion at once is found below.
        with contextlib.suppress(BringUpError):
            conductor.wait_for(lambda: self._safety().motion_enabled, _REPORT_S, "motion")
        before, begin_s, failures = self._safety(), conductor.task.elapsed, self._policy().failures
        end_s = begin_s + case.limit_s / case.speed
        while conductor.task.elapsed < end_s and not conductor.task.success:
            conductor.spin(0.05)
            if not self._safety().motion_enabled:
                break
        after, task = self._safety(), conductor.task
        conductor.call("safety_supervisor/enable_motion", False)
        times = [c.preprocess_ms + c.prefix_ms + c.denoise_ms for c in self._chunks] or [0.0]
        return Outcome(
            case=case,
            instruction=instruction,
            success=bool(task.success),
            progress=float(task.progress),
            milestones=tuple(task.milestones),
            seconds=float(task.elapsed - begin_s),
            chunks=len(self._chunks),
            thinking_ms=(float(np.median(times)), float(np.quantile(times, 0.95))),
            cut=self._cut,
            limited=sum(after.rule_limited) - sum(before.rule_limited),
            held=sum(after.rule_stopped) - sum(before.rule_stopped),
            revoked="" if after.motion_enabled else "; ".join(after.latched_causes),
            failures=self._policy().failures - failures,
        )

    def _put_up(self, case: Case) -> str:
        """Return what the policy is told of a new scene, once it has answered to it."""
        conductor = self._conductor
        conductor.call("safety_supervisor/enable_motion", False)
        # The robot brakes, and a command that comes after the reset would take it back there.
        conductor.let_pass(_BRAKING_S)
        episode = conductor.task.episode
        request = ResetScene.Request(task=case.task, seed=case.seed)
        answer = conductor.call("sim_robot/reset", (ResetScene, request), _RESET_S)
        if not answer.success:
            raise BringUpError(f"the simulator does not put up seed {case.seed}: {answer.message}")
        text = str(answer.instruction)
        if case.control == OTHER:
            text = with_other_colour(text, case.seed)
        conductor.wait_for(lambda: conductor.task.episode != episode, _RESET_S, "the new scene")
        chunks = self._policy().chunks
        conductor.instruct(text)
        conductor.wait_for(
            lambda: self._policy().instruction == text and self._policy().chunks > chunks,
            _FIRST_CHUNK_S,
            f"a chunk for '{text}'",
        )
        return text

    def _policy(self) -> PolicyState:
        if self._conductor.seen.policy is None:
            raise BringUpError("no state of policy yet")
        return self._conductor.seen.policy

    def _safety(self) -> SafetyState:
        if self._conductor.seen.safety is None:
            raise BringUpError("no state of safety_supervisor yet")
        return self._conductor.seen.safety

    def _on_verdict(self, verdict: ChunkVerdict) -> None:
        self._cut += verdict.safe_rows < verdict.rows
