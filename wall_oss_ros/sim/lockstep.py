"""The whole loop in one process on simulated time, however busy the machine is.

The same core objects as in the nodes (assembler, policy session, executor, look-ahead, supervisor),
the same rates and orders, a latency that is an argument instead of a measurement. For evaluation
and tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import rotation
from wall_oss_ros.core.assembler import AssemblerSettings, ObservationAssembler
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.executor import ChunkExecutor, ExecutorSettings
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.policy import Policy
from wall_oss_ros.core.policy_session import PolicySession, PolicySettings
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.safety import Boundaries, SafetySettings, SafetySupervisor, rule_set
from wall_oss_ros.core.safety.look_ahead import LookAhead
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.core.waypoints import braking_waypoints
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.controllers import TrajectoryPoint
from wall_oss_ros.sim.robot import SimRobot, Snapshot

# Ticks of the simulator (5 ms) between two runs of executor and supervisor: 100 Hz.
_CONTROL_TICKS = 2
_ODOMETRY_TICKS = 4


class Lockstep:
    """One simulated robot, one policy.

    Attributes:
        robot: the simulator; reset it to start another scene.
        policy: the back end, loaded.
        session: its session in the running or last episode.
        executor: likewise.
        supervisor: likewise.
        latency_ns: from an observation's capture to the chunk's arrival at the executor [ns].
        thinking_ms: how long the policy took for each chunk, by the machine's clock [ms].
        cut_chunks: how many chunks look-ahead did not let pass whole.
    """

    def __init__(
        self,
        contract: RobotContract,
        robot: SimRobot,
        policy: Policy,
        *,
        latency_s: float = 0.1,
        render: Callable[[Snapshot], Mapping[str, NDArray[np.uint8]]] | None = None,
        executor: ExecutorSettings | None = None,
        safety: SafetySettings | None = None,
        look_ahead: bool = True,
    ) -> None:
        """Prepare; nothing moves yet.

        Args:
            contract: the robot.
            robot: simulator of the same contract.
            policy: loaded back end.
            latency_s: capture to chunk [s].
            render: makes a picture (h, w, 3) uint8 per camera; by default the simulator's cameras
                at 64 px. Another size, or something cheaper for a policy that looks at none.
            executor: settings of the chunk executor.
            safety: settings of the supervisor.
            look_ahead: whether chunks are judged before they are followed, a third of the time that
                an episode takes. Without it all rows pass; the supervisor judges every command.
        """
        self._contract = contract
        self.robot, self.policy = robot, policy
        self.latency_ns = round(latency_s * NANOSECONDS)
        self._executor_settings = executor or ExecutorSettings()
        self._safety_settings = safety or SafetySettings()
        self._looks_ahead = look_ahead
        self._render = render or SimCameras(robot.model, tuple(contract.cameras), 64).render
        # One solver each, as in separate processes.
        self._solvers = [MinkKinematics(contract) for _ in range(4)]
        rate_hz = max(camera.rate for camera in contract.cameras.values())
        self._picture_ticks = round(1.0 / (rate_hz * robot.dt_s))
        self._loaded = False
        self.restart()

    def restart(self) -> None:
        """Forget everything of the last episode: as if all nodes were started anew."""
        sensing, moving, judging, looking = self._solvers
        contract = self._contract
        self._assembler = ObservationAssembler(contract, sensing, np.asarray, AssemblerSettings())
        self.session = PolicySession(
            contract,
            self.policy,
            PolicySettings(),
            first_epoch=0,
            enabled=True,
            loaded=self._loaded,
        )
        if not self._loaded:
            self.session.load()
            self._loaded = True
        self.executor = ChunkExecutor(contract, moving, self._executor_settings)
        boundaries = Boundaries(contract, judging, self._safety_settings.workspace_margin_m)
        rules = rule_set(contract, self._safety_settings, boundaries)
        self.supervisor = SafetySupervisor(contract, judging, rules, self._safety_settings)
        self._look_ahead = LookAhead(contract, looking, boundaries, LookAheadSettings())
        self._on_the_way: list[tuple[int, ActionChunk]] = []
        self.thinking_ms: list[float] = []
        self.cut_chunks = 0
        self._tick = 0

    def run(
        self,
        instruction: str,
        limit_s: float,
        watch: Callable[[RobotCommand], None] | None = None,
    ) -> TaskState:
        """Drive from the present scene until the task is done or the time is over.

        Args:
            instruction: what the policy is told.
            limit_s: simulated time [s].
            watch: called with every command that reaches the controllers.

        Returns:
            The last ground truth.
        """
        self.restart()
        self.session.instruct(instruction)
        end_ns = self.robot.time_ns + round(limit_s * NANOSECONDS)
        while self.robot.time_ns < end_ns and not self.robot.task_state().success:
            self.step(watch)
        return self.robot.task_state()

    def step(self, watch: Callable[[RobotCommand], None] | None = None) -> None:
        """Advance by one tick of the simulator; enable motion as soon as that is possible."""
        self.robot.step()
        self._tick += 1
        now_ns = self.robot.time_ns
        sample = self.robot.joint_sample()
        self._assembler.push_joints(sample, now_ns)
        if self._tick % _ODOMETRY_TICKS == 0:
            (x, y, yaw), twist = self.robot.odometry()
            self._assembler.push_twist(now_ns, now_ns, twist)
            pose = Pose(np.array([x, y, 0.0]), rotation.matrix_from_rpy([0.0, 0.0, yaw]))
            self.supervisor.locate_base(pose, now_ns)
        if self._tick % self._picture_ticks == 0:
            self._think(self.observe())
        if self._tick % _CONTROL_TICKS == 0:
            self.executor.measure(sample)
            self.supervisor.measure(sample)
            self._control(now_ns, watch)

    def observe(self) -> Observation | None:
        """Take pictures now and return the observation they complete."""
        now_ns = self.robot.time_ns
        pictures = self._render(self.robot.snapshot())
        for index, (name, pixels) in enumerate(pictures.items()):
            self._assembler.push_image(name, now_ns, now_ns, pixels, hash((now_ns, index)))
        return self._assembler.assemble(now_ns)

    def _think(self, observation: Observation | None) -> None:
        if observation is None:
            return
        if hasattr(self.policy, "observe_task"):
            self.policy.observe_task(self.robot.task_state())
        self.session.committed(self.executor.committed(observation.stamp_ns))
        times = iter((observation.stamp_ns, observation.stamp_ns + self.latency_ns))
        begin = time.perf_counter()
        chunk = self.session.infer(observation, lambda: next(times))
        if chunk is not None:
            self.thinking_ms.append((time.perf_counter() - begin) * 1e3)
            self._on_the_way.append((observation.stamp_ns + self.latency_ns, chunk))

    def _control(self, now_ns: int, watch: Callable[[RobotCommand], None] | None) -> None:
        dt = _CONTROL_TICKS * self.robot.dt_s
        while self._on_the_way and self._on_the_way[0][0] <= now_ns:
            self._screen(self._on_the_way.pop(0)[1], now_ns)
        for node in self._safety_settings.heartbeat_nodes:
            self.supervisor.heartbeat(node, now_ns)
        self.supervisor.propose(self.executor.tick(now_ns, dt))
        if self.supervisor.latched_causes == ("motion was not enabled yet",):
            self.supervisor.enable_motion(True, now_ns)
        command = self.supervisor.step(now_ns, dt, now_ns)
        reason = "; ".join(self.supervisor.latched_causes)
        self.executor.allow_motion(self.supervisor.motion_enabled, reason)
        if command is not None:
            self._send(command, dt)
            if watch is not None:
                watch(command)

    def _screen(self, chunk: ActionChunk, now_ns: int) -> None:
        """Judge a chunk as the supervisor's look-ahead does, and offer it."""
        safe_rows, reason = chunk.horizon, ""
        if self._looks_ahead:
            verdict = self._look_ahead.judge(chunk, self.robot.joint_sample().position_of())
            safe_rows, reason = verdict.safe_rows, verdict.reason
            self.cut_chunks += safe_rows < chunk.horizon
        self.executor.judge(chunk.seq, chunk.epoch, safe_rows, reason)
        self.executor.offer(chunk, now_ns)

    def _send(self, command: RobotCommand, dt: float) -> None:
        for part, joints in self._contract.part_joints.items():
            if part in command.parts:
                waypoints = braking_waypoints(
                    [command.positions[joint] for joint in joints],
                    [command.velocities[joint] for joint in joints],
                    [self._contract.joint_ranges[joint] for joint in joints],
                    dt,
                )
                self.robot.command_joints(part, joints, [TrajectoryPoint(*w) for w in waypoints])
        if "base" in command.parts:
            self.robot.command_base(*np.asarray(command.base_twist).tolist())
