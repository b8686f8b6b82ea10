"""sim_robot: the simulated robot behind the topics of a real one.

Takes controller topics, gives cameras, joint_states and odom; besides these the task's ground truth
and a service that starts another scene.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import SimulationError
from wall_oss_ros.core.pacing import Pacer
from wall_oss_ros.core.rates import Percentiles
from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.parameters import declare
from wall_oss_ros.ros.sim_inputs import Point, SimInputs
from wall_oss_ros.ros.sim_outputs import SimOutputs
from wall_oss_ros.sim.cameras import MAX_PX, MIN_PX, SimCameras
from wall_oss_ros.sim.controllers import TrajectoryPoint
from wall_oss_ros.sim.film import FILM_SIZE, Film
from wall_oss_ros.sim.robot import SimRobot
from wall_oss_ros.sim.window import Window
from wall_oss_ros.srv import InjectFault, ResetScene

# Joint states leave every tick (200 Hz); these leave every n-th.
_ODOMETRY_TICKS = 4
_TASK_TICKS = 10
_DRAWING_NICENESS = 10
_FIRST_PICTURE_S = 60.0
# Below this real-time factor the node warns.
_SLOW = 0.95


class SimRobotNode(SuiteNode):
    """Wires a `SimRobot`: one thread steps it, one draws, callbacks give commands."""

    def __init__(self) -> None:
        super().__init__("sim_robot")
        self._task = declare(self, "task", "pick_cube", "task of the scene")
        self._colour = declare(
            self, "colour", "", "colour that the task names; empty: the seed chooses"
        )
        self._seed = declare(self, "seed", 0, "seed of the scene", low=0, high=2**31 - 1)
        self._size = declare(
            self, "image_size", 448, "picture width and height [px]", low=MIN_PX, high=MAX_PX
        )
        self._window_wanted = declare(self, "window", False, "show the simulation in a window")
        self._film_file = declare(self, "film", "", "file (.webp) to save a film to at the end")
        self._with_clock = declare(self, "publish_clock", False, "publish simulated time on /clock")

    def build(self, contract: RobotContract) -> None:
        """Build the simulation and its topics."""
        self._contract = contract
        self._sim = SimRobot(
            contract, task=self._task, seed=self._seed, colour=self._colour or None
        )
        self._lock = threading.Lock()
        self._pacer = Pacer(self._sim.dt_s)
        self._drawn = threading.Event()
        self._epoch_ns = 0
        self._tick_count = 0
        self._render_ms = Percentiles()
        self._cameras: SimCameras | None = None
        self._window = Window(self._sim.model) if self._window_wanted else None
        self._film = Film(Path(self._film_file)) if self._film_file else None
        rate_hz = max(camera.rate for camera in contract.cameras.values())
        self._physics = DeadlineLoop(1.0 / self._sim.dt_s, self._tick, self._on_loop_error, "sim")
        self._drawing = DeadlineLoop(rate_hz, self._draw, self._on_loop_error, "cameras")
        self._outputs = SimOutputs(self, contract, self._with_clock)
        self._inputs = SimInputs(self, contract, self._on_joints, self._on_base)
        self.create_service(ResetScene, "~/reset", self._on_reset)
        self.create_service(InjectFault, "~/inject_fault", self._on_inject_fault)

    def start(self) -> None:
        """Let simulated time run, once the first picture is drawn (meshes load for seconds)."""
        self._drawn.clear()
        self._drawing.start()
        self._drawn.wait(_FIRST_PICTURE_S)
        self._epoch_ns = self.now_ns() - self._sim.time_ns
        self._pacer = Pacer(self._sim.dt_s)
        self._physics.start()

    def stop(self) -> None:
        """Halt simulated time; save the film."""
        self._drawing.stop()
        self._physics.stop()
        if self._window is not None:
            self._window.close()
        if self._film is not None:
            self._film.save()

    def _tick(self) -> None:
        self._inputs.poll()
        lost_before = self._pacer.lost_ns
        steps = self._pacer.due(time.monotonic_ns())
        self._epoch_ns += self._pacer.lost_ns - lost_before
        for _ in range(steps):
            with self._lock:
                self._sim.step()
                sample = self._sim.joint_sample()
            self._tick_count += 1
            stamp_ns = self._epoch_ns + sample.stamp_ns
            self._outputs.publish_clock(stamp_ns)
            self._outputs.publish_joints(sample, stamp_ns)
            if self._tick_count % _ODOMETRY_TICKS == 0:
                with self._lock:
                    pose, twist = self._sim.odometry()
                self._outputs.publish_odometry(pose, twist, stamp_ns)
            if self._tick_count % _TASK_TICKS == 0:
                self._publish_task()

    def _publish_task(self) -> None:
        with self._lock:
            state = self._sim.task_state()
        factor = self._pacer.real_time_factor()
        self._outputs.publish_task(state, self._epoch_ns + state.stamp_ns, factor)
        if factor < _SLOW:
            self.get_logger().warning(
                f"real-time factor {factor:.2f}: this machine is too slow for the simulation; "
                "simulated time runs slower than wall time; smaller pictures help",
                throttle_duration_sec=10.0,
            )

    def _draw(self) -> None:
        if self._cameras is None:
            # Drawing may take what the loops leave: a late picture is a picture, a late joint
            # state stops the robot. The threads of a software renderer inherit this.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _DRAWING_NICENESS)
            # The GL context belongs to the thread that made it.
            self._cameras = SimCameras(
                self._sim.model, tuple(self._contract.cameras), self._size, seed=self._seed
            )
        with self._lock:
            snapshot = self._sim.snapshot()
        if not self._physics.running:
            self._cameras.render(snapshot)
            if self._film is not None:
                self._cameras.render_view(snapshot, "third", *FILM_SIZE)
            self._drawn.set()
            return
        begin = time.perf_counter()
        pictures = self._cameras.render(snapshot)
        self._render_ms.add((time.perf_counter() - begin) * 1e3)
        if self._window is not None:
            self._window.show(snapshot)
        if self._film is not None and self._film.wants(snapshot.stamp_ns):
            view = self._cameras.render_view(snapshot, "third", *FILM_SIZE)
            self._film.add(snapshot.stamp_ns, view)
        self._outputs.publish_pictures(pictures, self._epoch_ns + snapshot.stamp_ns)

    def _on_loop_error(self, error: BaseException) -> None:
        self._drawn.set()
        if not isinstance(error, SimulationError):
            self.get_logger().fatal("".join(traceback.format_exception(error)))
        self.fail(error)

    def _on_joints(self, part: str, names: Sequence[str], points: list[Point]) -> None:
        with self._lock:
            reason = self._sim.command_joints(part, names, [TrajectoryPoint(*p) for p in points])
        self._complain(part, reason)

    def _on_base(self, vx: float, vy: float, wz: float) -> None:
        with self._lock:
            reason = self._sim.command_base(vx, vy, wz)
        self._complain("base", reason)

    def _complain(self, part: str, reason: str | None) -> None:
        if reason is not None:
            self.get_logger().error(f"{part}: {reason}", throttle_duration_sec=1.0)

    def _on_reset(
        self, request: ResetScene.Request, response: ResetScene.Response
    ) -> ResetScene.Response:
        try:
            with self._lock:
                self._sim.reset(
                    task=request.task or None,
                    seed=request.seed if request.seed >= 0 else None,
                    colour=request.colour or None,
                )
                response.instruction = self._sim.task_state().instruction
        except SimulationError as error:
            response.message = str(error)
            return response
        response.success = True
        return response

    def _on_inject_fault(
        self, request: InjectFault.Request, response: InjectFault.Response
    ) -> InjectFault.Response:
        reason = self._outputs.inject(request.stream, request.fault)
        response.success, response.message = reason is None, reason or "done"
        return response

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return the real-time factor and the counts of published frames."""
        if not self.active:
            return super().report()
        factor = self._pacer.real_time_factor()
        p50, p99 = self._render_ms.at(50, 99)
        values = {f"camera {name} published": str(n) for name, n in self._outputs.pictures.items()}
        values["real-time factor"] = f"{factor:.3f}"
        values["time lost [s]"] = f"{self._pacer.lost_ns * 1e-9:.3f}"
        values["render p50 p99 [ms]"] = f"{p50:.1f} {p99:.1f}"
        if factor < _SLOW:
            return DiagnosticStatus.WARN, f"real-time factor {factor:.2f}", values
        return DiagnosticStatus.OK, f"real-time factor {factor:.2f}", values


def main() -> int:
    """Run the node."""
    return run(SimRobotNode)
