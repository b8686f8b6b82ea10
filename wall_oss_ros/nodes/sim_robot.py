"""sim_robot: the simulated robot behind the topics of a real one.

Takes controller topics, gives cameras, joint_states and odom; besides these the task's ground truth
and a service that starts another scene.

Without /clock the robot lives in wall time, and a picture that is late is left out. With it no
picture is: simulated time passes as slowly as this machine needs to draw them.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial

from diagnostic_msgs.msg import DiagnosticStatus

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import SimulationError
from wall_oss_ros.core.pacing import SLOWEST
from wall_oss_ros.core.robot_time import RobotTime
from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.parameters import declare
from wall_oss_ros.ros.sim_faults import SimFaults
from wall_oss_ros.ros.sim_inputs import Point, SimInputs
from wall_oss_ros.ros.sim_outputs import SimOutputs
from wall_oss_ros.sim.cameras import MAX_PX, MIN_PX
from wall_oss_ros.sim.controllers import TrajectoryPoint
from wall_oss_ros.sim.robot import SimRobot, Snapshot
from wall_oss_ros.sim.shutter import Shutter
from wall_oss_ros.sim.studio import Studio
from wall_oss_ros.srv import InjectFault, ResetScene

# Joint states leave every tick (200 Hz); these leave every n-th.
_ODOMETRY_TICKS = 4
_TASK_TICKS = 10
_FIRST_PICTURE_S = 60.0
# The default of 5 ms lets one thread keep another's sample waiting that long.
_SWITCH_INTERVAL_S = 0.0005
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
        self._camera_kind = declare(
            self,
            "cameras",
            "drawn",
            "drawn: pictures of what happens; still: one picture whose noise changes, stamped when "
            "it is sent, for measurements without the cost of drawing",
        )
        self._window_wanted = declare(self, "window", False, "show the simulation in a window")
        self._film_file = declare(self, "film", "", "file (.webp) to save a film to at the end")
        self._with_clock = declare(self, "publish_clock", False, "publish simulated time on /clock")
        self._fastest = declare(
            self,
            "real_time_factor",
            1.0,
            "how fast the time on /clock passes at most; slower where pictures take longer",
            low=SLOWEST,
            high=1.0,
        )

    def build(self, contract: RobotContract) -> None:
        """Build the simulation and its topics."""
        self._contract = contract
        self._sim = SimRobot(
            contract, task=self._task, seed=self._seed, colour=self._colour or None
        )
        self._lock = threading.Lock()
        self._robot_time = RobotTime(self._sim.dt_s, own_clock=self._with_clock)
        self._tick_count = 0
        self._studio = Studio(
            self._sim.model,
            tuple(contract.cameras),
            self._size,
            seed=self._seed,
            cameras=self._camera_kind,
            window=self._window_wanted,
            film=self._film_file,
        )
        self._physics = DeadlineLoop(1.0 / self._sim.dt_s, self._tick, self._on_loop_error, "sim")
        rate_hz = max(camera.rate for camera in contract.cameras.values())
        self._shutter = Shutter(1.0 / rate_hz, self._on_loop_error, every_one=self._with_clock)
        self._faults = SimFaults(contract, self._with_clock)
        self._outputs = SimOutputs(self, contract, self._faults, self._with_clock)
        self._inputs = SimInputs(self, contract, self._faults, self._on_joints, self._on_base)
        self.create_service(ResetScene, "~/reset", self._on_reset)
        self.create_service(InjectFault, "~/inject_fault", self._on_inject_fault)

    def start(self) -> None:
        """Let simulated time run, once the first picture is drawn (meshes load for seconds)."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        with self._lock:
            first = self._sim.snapshot()
        self._shutter.start(partial(self._studio.warm_up, first), _FIRST_PICTURE_S)
        self._robot_time.begin(self._sim.time_ns, self.now_ns())
        self._shutter.begin(self._sim.time_ns)
        self._physics.start()

    def stop(self) -> None:
        """Halt simulated time; save the film."""
        self._physics.stop()
        self._shutter.stop()
        self._studio.close()

    def _tick(self) -> None:
        self._inputs.poll()
        free_ns = self._take_picture()
        tempo = min(self._fastest, self._shutter.tempo.value)
        steps = self._robot_time.steps(time.monotonic_ns(), free_ns, tempo)
        self._robot_time.jump(self._faults.take_clock_jump_ns())
        for _ in range(steps):
            with self._lock:
                self._sim.step()
                sample = self._sim.joint_sample()
            self._tick_count += 1
            stamp_ns = self._robot_time.stamp_ns(sample.stamp_ns)
            self._outputs.publish_clock(stamp_ns)
            self._outputs.publish_joints(sample, stamp_ns)
            odometry_due = self._tick_count % _ODOMETRY_TICKS == 0
            truth_wanted = self._outputs.truth_wanted
            if odometry_due or truth_wanted:
                with self._lock:
                    pose, twist = self._sim.odometry()
                if odometry_due:
                    self._outputs.publish_odometry(pose, twist, stamp_ns)
                if truth_wanted:
                    self._outputs.publish_truth(sample, pose, twist, stamp_ns)
            if self._tick_count % _TASK_TICKS == 0:
                self._publish_task()
            self._take_picture()

    def _take_picture(self) -> int:
        """Begin a picture if one is due; return how long the next is not [ns]."""
        return self._shutter.take(self._robot_time.passed_ns(self._sim.time_ns), self._picture)

    def _picture(self) -> Callable[[], None]:
        with self._lock:
            snapshot = self._sim.snapshot()
        return partial(self._draw, snapshot, self._robot_time.stamp_ns(snapshot.stamp_ns))

    def _publish_task(self) -> None:
        with self._lock:
            state = self._sim.task_state()
        factor = self._robot_time.real_time_factor()
        self._outputs.publish_task(state, self._robot_time.stamp_ns(state.stamp_ns), factor)
        if factor < _SLOW and not self._with_clock:
            self.get_logger().warning(
                f"real-time factor {factor:.2f}: this machine is too slow for the simulation, and "
                "the robot for its commands; smaller pictures help, or use_sim_time:=true",
                throttle_duration_sec=10.0,
            )

    def _draw(self, snapshot: Snapshot, stamp_ns: int) -> None:
        pictures = self._studio.shoot(snapshot)
        if self._studio.still:
            self._outputs.publish_pictures(pictures, self._stamp_now)
        else:
            self._outputs.publish_pictures(pictures, lambda: stamp_ns)

    def _stamp_now(self) -> int:
        return self._robot_time.stamp_ns(self._sim.time_ns) if self._with_clock else self.now_ns()

    def _on_loop_error(self, error: BaseException) -> None:
        if not isinstance(error, SimulationError):
            self.get_logger().fatal("".join(traceback.format_exception(error)))
        self.fail(error)

    def _on_joints(
        self, part: str, names: Sequence[str], points: list[Point], stamp_ns: int
    ) -> None:
        trajectory = [TrajectoryPoint(*point) for point in points]
        with self._lock:
            reason = self._sim.command_joints(part, names, trajectory, self._age_ns(stamp_ns))
        self._complain(part, reason)

    def _on_base(self, vx: float, vy: float, wz: float, stamp_ns: int) -> None:
        with self._lock:
            reason = self._sim.command_base(vx, vy, wz, self._age_ns(stamp_ns))
        self._complain("base", reason)

    def _age_ns(self, stamp_ns: int) -> int:
        return 0 if stamp_ns == 0 else self._stamp_now() - stamp_ns

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
        reason = self._faults.inject(request.stream, request.fault)
        self._inputs.follow_faults()
        response.success, response.message = reason is None, reason or "done"
        return response

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return the real-time factor and the counts of published frames."""
        if not self.active:
            return super().report()
        factor = self._robot_time.real_time_factor()
        p50, p99 = self._studio.render_ms.at(50, 99)
        values = {f"camera {name} published": str(n) for name, n in self._outputs.pictures.items()}
        values["real-time factor"] = f"{factor:.3f}"
        values["time lost [s]"] = f"{self._robot_time.lost_s:.3f}"
        values["render p50 p99 [ms]"] = f"{p50:.1f} {p99:.1f}"
        if factor < _SLOW and not self._with_clock:
            return DiagnosticStatus.WARN, f"real-time factor {factor:.2f}", values
        return DiagnosticStatus.OK, f"real-time factor {factor:.2f}", values


def main() -> int:
    """Run the node."""
    return run(SimRobotNode)
