"""The simulated robot: what a robot's drivers offer, on simulated time.

Commands as ros2_control takes them in; joints, odometry, camera snapshots and the task's ground
truth out. Nothing here draws (`cameras.py`) or knows of ROS. One thread owns an instance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import rotation
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import choices
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.task import TaskObject, TaskState
from wall_oss_ros.sim.contacts import ContactReader
from wall_oss_ros.sim.controllers import (
    NANOSECONDS,
    BaseVelocityController,
    JointTrajectoryController,
    TrajectoryPoint,
)
from wall_oss_ros.sim.layout import Layout, Spot, draw_layout
from wall_oss_ros.sim.robot_spec import BASE_JOINTS, BASE_SLIDE, BASE_TURN, joint_servo
from wall_oss_ros.sim.rubric import Rubric, SceneView
from wall_oss_ros.sim.scene import (
    CUBE_COLOURS,
    CUBE_HALF,
    PHYSICS_DT_S,
    TABLE_TOP_Z,
    TRAY,
    build_model,
    cube_name,
)
from wall_oss_ros.sim.tasks import plan_task

Array = NDArray[np.float64]

_SETTLE_STEPS = 80
# The rubric looks at every fourth tick, 50 times a second: contacts last longer.
_TASK_TICKS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What a renderer needs of one moment; may be handed to another thread.

    Attributes:
        stamp_ns: simulated time [ns].
        episode_ns: of it, since the scene was reset [ns].
        qpos: (nq,) positions of the whole world.
        mocap_pos: (nmocap, 3) [m].
        mocap_quat: (nmocap, 4) w, x, y, z.
    """

    stamp_ns: int
    episode_ns: int
    qpos: Array
    mocap_pos: Array
    mocap_quat: Array


class SimRobot:
    """TIAGo Pro at a table, one task at a time.

    Args:
        contract: the robot.
        task: name of the task, see `tasks.TASKS`.
        seed: places and, where the task leaves it open, colour.
        colour: fixes the colour of the task's cube.

    Attributes:
        dt_s: length of one `step` [s].
        model: the compiled world; read-only, shared with the renderer.

    Raises:
        RobotModelError: if the robot description is missing or does not fit the contract.
        SimulationError: for an unknown task or colour.
    """

    dt_s = 0.005

    def __init__(
        self,
        contract: RobotContract,
        *,
        task: str = "pick_cube",
        seed: int = 0,
        colour: str | None = None,
    ) -> None:
        plan_task(task, np.random.default_rng(0), colour)  # refuse before the slow build
        self.contract = contract
        self.model = build_model(contract)
        self._data = mujoco.MjData(self.model)
        self._cubes = tuple(cube_name(each) for each in CUBE_COLOURS)
        self._contacts = ContactReader(self.model, (*self._cubes, TRAY))
        self._joints = contract.joint_names
        self._qpos = np.array([self.model.joint(name).qposadr[0] for name in self._joints])
        self._cube_qpos = {name: self.model.joint(name).qposadr[0] for name in self._cubes}
        self._dofs = np.array([self.model.joint(name).dofadr[0] for name in self._joints])
        self._base_qpos = np.array([self.model.joint(name).qposadr[0] for name in BASE_JOINTS])
        self._base_dofs = np.array([self.model.joint(name).dofadr[0] for name in BASE_JOINTS])
        self._mocap = int(self.model.body(TRAY).mocapid[0])
        self._ticks = 0
        self._task, self._seed, self._colour, self._episode = task, seed, colour, -1
        self.reset(task=task, seed=seed)

    @property
    def time_ns(self) -> int:
        """Simulated time [ns]; it only grows, also over resets."""
        return self._ticks * round(self.dt_s * NANOSECONDS)

    def reset(
        self, *, task: str | None = None, seed: int | None = None, colour: str | None = None
    ) -> None:
        """Start another episode: objects placed anew, robot at home and at rest.

        Args:
            task: another task; None keeps it (and its colour).
            seed: None takes the one after the last.
            colour: fixes the colour of the task's cube; None keeps it within the same task.

        Raises:
            SimulationError: for an unknown task or colour; then nothing is changed.
        """
        task = self._task if task is None else task
        if colour is None and task == self._task:
            colour = self._colour
        seed = self._seed + 1 if seed is None else seed
        rng = np.random.default_rng(seed)
        plan = plan_task(task, rng, colour)
        layout = draw_layout(rng, self._cubes, plan.sides)
        self._task, self._seed, self._colour, self._plan = task, seed, colour, plan
        self._episode += 1
        self._start_tick = self._ticks
        self._rubric = Rubric(plan.steps)
        self._start_controllers()
        self._place(layout)
        self._state = self._observe()

    def command_joints(
        self,
        part: str,
        names: Sequence[str],
        points: Sequence[TrajectoryPoint],
        age_ns: int = 0,
    ) -> str | None:
        """Give a part's controller a trajectory; one point without velocities is a position.

        Args:
            part: key of ``contract.part_joints``.
            names: that part's joints, in any order.
            points: at least one, times increasing.
            age_ns: how long ago the trajectory began [ns].

        Returns:
            None if accepted, else the reason; a refused command changes nothing.
        """
        if part not in self._controllers:
            return f"unknown part '{part}'; valid: {choices(self._controllers)}"
        now_ns = self.time_ns
        return self._controllers[part].command(names, points, now_ns, now_ns - age_ns)

    def command_base(self, vx: float, vy: float, wz: float, age_ns: int = 0) -> str | None:
        """Give the base a twist in its own frame [m/s, m/s, rad/s] that is `age_ns` old.

        Returns:
            None if accepted, else the reason; a refused command changes nothing.
        """
        if self._base is None:
            return f"{self.contract.name} has no base"
        return self._base.command(vx, vy, wz, self.time_ns, self.time_ns - age_ns)

    def step(self) -> None:
        """Advance by `dt_s`: controllers, servos, physics, rubric."""
        self._ticks += 1
        for part, controller in self._controllers.items():
            controller.tick(self.time_ns, self.dt_s)
            lead = self._lead[part] * controller.velocities
            self._data.ctrl[self._actuators[part]] = controller.positions + lead
        if self._base is not None:
            self._drive_base(self._base)
        mujoco.mj_step(self.model, self._data, nstep=round(self.dt_s / PHYSICS_DT_S))
        if self._ticks % _TASK_TICKS == 0:
            self._state = self._observe()

    def joint_sample(self) -> JointSample:
        """Return measured joints in the order of ``contract.joint_names``."""
        return JointSample(
            self.time_ns, self._joints, self._data.qpos[self._qpos], self._data.qvel[self._dofs]
        )

    def odometry(self) -> tuple[Array, Array]:
        """Return the base's pose (x, y [m], yaw [rad]) and twist in its own frame.

        Both (3,); the twist is vx, vy [m/s], wz [rad/s].
        """
        pose = self._data.qpos[self._base_qpos].copy()
        twist = self._data.qvel[self._base_dofs].copy()
        twist[:2] = _turned(twist[:2], -pose[2])
        return pose, twist

    def snapshot(self) -> Snapshot:
        """Return a copy of what a renderer needs."""
        data = self._data
        return Snapshot(
            self.time_ns,
            self.time_ns - self._start_tick * round(self.dt_s * NANOSECONDS),
            data.qpos.copy(),
            data.mocap_pos.copy(),
            data.mocap_quat.copy(),
        )

    def task_state(self) -> TaskState:
        """Return the ground truth, at most 20 ms old; poses in ``contract.base_frame``.

        The tray is among the objects. `touching` has "<side>_gripper" for any contact with that
        gripper and "<side>_grasp" where the pads of both its fingers touch.
        """
        return self._state

    def elsewhere(self, layout: Layout) -> tuple[Snapshot, TaskState]:
        """Return what would be seen, and be true, if the objects stood elsewhere just now.

        Nothing is changed, and nothing is judged: objects may stand in the robot, they touch
        nothing, progress is none.

        Args:
            layout: where, in the world frame.
        """
        seen = self.snapshot()
        self._stand(layout, seen.qpos, seen.mocap_pos)
        base = self._body_pose(self.contract.base_frame).inverse()
        poses = {name: _standing(spot) for name, spot in layout.cubes.items()}
        tray = Pose(seen.mocap_pos[self._mocap], np.eye(3))
        objects = {
            name: TaskObject(name, base.compose(pose), frozenset())
            for name, pose in (poses | {TRAY: tray}).items()
        }
        truth = replace(
            self._state,
            stamp_ns=self.time_ns,
            objects=objects,
            progress=0.0,
            success=False,
            milestones=(),
        )
        return seen, truth

    def _observe(self) -> TaskState:
        base = self._body_pose(self.contract.base_frame).inverse()
        touching = self._contacts.touching(self._data)
        objects = {
            name: TaskObject(name, base.compose(self._body_pose(name)), touching[name])
            for name in (*self._cubes, TRAY)
        }
        tools = {}
        for side in self.contract.arms:
            site = self._data.site(f"tool_{side}")
            tools[side] = base.compose(Pose(site.xpos, site.xmat.reshape(3, 3)))
        elapsed_s = (self._ticks - self._start_tick) * self.dt_s
        self._rubric.update(SceneView(objects, tools), elapsed_s)
        return TaskState(
            stamp_ns=self.time_ns,
            task=self._task,
            instruction=self._plan.instruction,
            seed=self._seed,
            episode=self._episode,
            objects=objects,
            progress=self._rubric.progress,
            success=self._rubric.progress >= 100.0,
            milestones=self._rubric.milestones,
            elapsed_s=elapsed_s,
        )

    def _start_controllers(self) -> None:
        contract = self.contract
        self._controllers: dict[str, JointTrajectoryController] = {}
        self._actuators: dict[str, NDArray[np.int64]] = {}
        self._lead: dict[str, Array] = {}
        for part, names in contract.part_joints.items():
            span = np.array([self.model.joint(name).range for name in names])
            speed = np.array([self._speed(name) for name in names])
            start = np.array([contract.home[name] for name in names])
            if all(name in contract.limited_joints for name in names):
                span = np.array([contract.limited_joints[name].position for name in names])
            self._controllers[part] = JointTrajectoryController(
                names, span[:, 0], span[:, 1], speed, start
            )
            self._actuators[part] = np.array([self.model.actuator(name).id for name in names])
            servos = [joint_servo(contract, name) for name in names]
            # A position servo damps against standing still; leading the setpoint by this many
            # seconds makes it damp against the setpoint's speed instead, so it does not lag.
            self._lead[part] = np.array([servo.damping / servo.stiffness for servo in servos])
        self._base = None if contract.base is None else BaseVelocityController(contract.base)
        self._base_actuators = np.array([self.model.actuator(name).id for name in BASE_JOINTS])
        self._base_setpoint = np.zeros(3)

    def _speed(self, name: str) -> float:
        joint = self.contract.limited_joints.get(name)
        if joint is not None:
            return joint.velocity
        return next(g.velocity for g in self.contract.grippers.values() if g.joint == name)

    def _place(self, layout: Layout) -> None:
        data = self._data
        mujoco.mj_resetData(self.model, data)
        home = np.array([self.contract.home[name] for name in self._joints])
        data.qpos[self._qpos] = home
        for part, controller in self._controllers.items():
            data.ctrl[self._actuators[part]] = controller.positions
        self._stand(layout, data.qpos, data.mocap_pos)
        mujoco.mj_step(self.model, data, nstep=_SETTLE_STEPS)
        data.qvel[:] = 0.0
        mujoco.mj_forward(self.model, data)

    def _stand(self, layout: Layout, qpos: Array, mocap_pos: Array) -> None:
        """Write the places of all objects into the positions of a world."""
        for name, spot in layout.cubes.items():
            first = self._cube_qpos[name]
            turn = [math.cos(spot.yaw / 2), 0.0, 0.0, math.sin(spot.yaw / 2)]
            qpos[first : first + 7] = [*_standing(spot).position, *turn]
        mocap_pos[self._mocap] = [layout.tray.x, layout.tray.y, TABLE_TOP_Z]

    def _drive_base(self, controller: BaseVelocityController) -> None:
        controller.tick(self.time_ns, self.dt_s)
        twist = controller.twist.copy()
        twist[:2] = _turned(twist[:2], self._base_setpoint[2])
        self._base_setpoint = self._base_setpoint + twist * self.dt_s
        lead = np.array([servo.damping / servo.stiffness for servo in _BASE_SERVOS])
        self._data.ctrl[self._base_actuators] = self._base_setpoint + lead * twist

    def _body_pose(self, name: str) -> Pose:
        body = self._data.body(name)
        return Pose(body.xpos, body.xmat.reshape(3, 3))


_BASE_SERVOS = (BASE_SLIDE, BASE_SLIDE, BASE_TURN)


def _turned(vector: Array, angle: float) -> Array:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([cosine * vector[0] - sine * vector[1], sine * vector[0] + cosine * vector[1]])


def _standing(spot: Spot) -> Pose:
    """Return the pose of a cube that stands on the table, in the world frame."""
    turned = rotation.matrix_from_rpy([0.0, 0.0, spot.yaw])
    return Pose(np.array([spot.x, spot.y, TABLE_TOP_Z + CUBE_HALF]), turned)
