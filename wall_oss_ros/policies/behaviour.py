"""The scripted policy's behaviours, written as they are told: reach, close, lift, place, hand over.

A behaviour is a generator: it yields what the arms should do now and is sent the newest view. Each
step waits for what is observed, not for a clock, and starts over where the world disagrees.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

import numpy as np

from wall_oss_ros.core.errors import PolicyError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array, matrix_from_rotation_vector
from wall_oss_ros.core.task import TaskObject
from wall_oss_ros.policies.leader import Pace

TRAY = "tray"

TRANSIT = Pace(speed=0.35, acceleration=0.9, turn_speed=1.2, turn_acceleration=1.8)
CAREFUL = Pace(speed=0.14, acceleration=0.5, turn_speed=0.8, turn_acceleration=1.2)

_SIGN = {"left": 1.0, "right": -1.0}
_OTHER = {"left": "right", "right": "left"}

# Tool pointing down, fingers opening along y, as columns x, y, z.
_DOWN = np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]])

# Gripper turned inwards by this much is the middle of the wrist's range over the table [rad].
_EASY_TURN = 0.9
_ABOVE, _LIFT = 0.10, 0.15  # m over the cube
_GRASP_ABOVE_CENTRE = 0.004  # m
_DROP = 0.008  # m between cube and tray floor when the fingers open
_TRAY_FLOOR, _CUBE_HALF = 0.004, 0.025  # m
_SLOT = 0.055  # m from the middle of the tray to either cube
_LOWEST_CUBE = 0.70  # m; lower, it fell off the table

_REACH_ACROSS = 0.15  # m past the middle that an arm reaches from above

# Where a cube changes hands [m], and how far both grippers lean towards each other [rad].
_MEETING, _LEAN = np.array([0.62, 0.0, 1.04]), np.pi / 4
_INSERT_FROM = 0.13  # m
_SHALLOW = 0.008  # m a cube sticks out of the fingers further than usual, to leave room

_NEAR_M, _NEAR_RAD = 0.006, 0.05
_CLOSE_S, _OPEN_S, _PATIENCE_S, _LOST_S = 0.4, 0.35, 1.5, 0.3
_IN_HAND = 0.04  # m between tool point and the centre of a cube in the hand


@dataclass(frozen=True, slots=True)
class View:
    """What a behaviour sees; poses in the robot's base frame.

    Attributes:
        now_ns: stamp of the observation [ns].
        tools: measured tool poses by side.
        leaders: reference tool poses by side.
        rest: tool poses to return to, by side.
        objects: ground truth by name.
    """

    now_ns: int
    tools: Mapping[str, Pose]
    leaders: Mapping[str, Pose]
    rest: Mapping[str, Pose]
    objects: Mapping[str, TaskObject]


@dataclass(frozen=True, slots=True)
class Intent:
    """What the arms should do now. Sides that are absent keep their goal and opening.

    Attributes:
        goals: tool pose to go to, by side.
        openings: gripper opening, 0 closed to 1 open, by side.
        pace: how fast.
    """

    goals: Mapping[str, Pose] = field(default_factory=dict)
    openings: Mapping[str, float] = field(default_factory=dict)
    pace: Pace = TRANSIT


Behaviour = Generator[Intent, View, View]


def pick(view: View, cube: str) -> Behaviour:
    """Grasp a cube from the table, lift it and keep it up."""
    while True:
        side = choose_arm(view, cube)
        view = yield from _grasp_and_lift(view, cube, side)
        view = yield from _keep(view, cube, side)


def place(view: View, cubes: tuple[str, ...]) -> Behaviour:
    """Put cubes into the tray, one after the other."""
    while True:
        waiting = [cube for cube in cubes if not in_tray(view.objects, cube)]
        if not waiting:
            view = yield Intent()
            continue
        cube = waiting[0]
        side = choose_arm(view, cube)
        view = yield from _grasp_and_lift(view, cube, side)
        view = yield from _put_down(view, cube, side)
        view = yield from _reach(view, side, _raised(view.leaders[side], _LIFT), TRANSIT, 1.0)
        view = yield from _reach(view, side, view.rest[side], TRANSIT, 1.0)


def hand_over(view: View, cube: str, giver: str) -> Behaviour:
    """Lift a cube with one gripper and give it to the other one in the air."""
    taker = _OTHER[giver]
    while True:
        if not _grasped(view, cube, taker):
            _check_side(view, cube, giver)
            view = yield from _grasp_and_lift(view, cube, giver, shallow=True)
            view = yield from _present(view, cube, giver)
            if not _held(view, cube, giver):
                continue
            view = yield from _take(view, cube, giver, taker)
        if _held(view, cube, taker):
            view = yield from _part(view, giver, taker)
            view = yield from _keep(view, cube, taker)


def choose_arm(view: View, cube: str) -> str:
    """Return the side that holds the cube, else the one it lies on.

    Raises:
        PolicyError: if the cube fell off the table.
    """
    for side in _SIGN:
        if _grasped(view, cube, side):
            return side
    position = view.objects[cube].pose.position
    if position[2] < _LOWEST_CUBE:
        raise PolicyError(f"the {cube} fell off the table, out of reach; reset the scene")
    if abs(position[1]) > 0.05:
        return "left" if position[1] > 0 else "right"
    gaps = {side: float(np.linalg.norm(view.tools[side].position - position)) for side in _SIGN}
    return min(gaps, key=lambda side: gaps[side])


def _check_side(view: View, cube: str, side: str) -> None:
    across = -_SIGN[side] * float(view.objects[cube].pose.position[1])
    if across > _REACH_ACROSS and not _grasped(view, cube, side):
        raise PolicyError(
            f"the {cube} lies {across:.2f} m on the other side, out of reach of the {side} gripper"
        )


def in_tray(objects: Mapping[str, TaskObject], cube: str) -> bool:
    """Whether a cube lies in the tray and no gripper touches it."""
    offset = objects[TRAY].pose.inverse().compose(objects[cube].pose).position
    inside = abs(offset[0]) < 0.09 and abs(offset[1]) < 0.13 and 0.0 < offset[2] < 0.055
    return bool(inside) and not {"left_gripper", "right_gripper"} & objects[cube].touching


def _grasp_and_lift(view: View, cube: str, side: str, shallow: bool = False) -> Behaviour:
    """Return with the cube lifted in that side's gripper; retries until it is."""
    while not _grasped(view, cube, side):
        choose_arm(view, cube)  # says so if it fell off the table
        grasp = _grasp_pose(view, cube, side, shallow)
        view = yield from _reach(view, side, _raised(grasp, _ABOVE), TRANSIT, 1.0)
        # The cube may have been pushed meanwhile.
        grasp = _grasp_pose(view, cube, side, shallow)
        view = yield from _reach(view, side, grasp, CAREFUL, 1.0)
        view = yield from _close(view, cube, side)
        if not _grasped(view, cube, side):
            view = yield from _open(view, side)
            view = yield from _reach(view, side, _raised(grasp, _ABOVE), TRANSIT, 1.0)
    lifted = _raised(view.leaders[side], _LIFT)
    if lifted.position[2] < 1.0 or view.objects[cube].touching & {"table", TRAY}:
        view = yield from _reach(view, side, lifted, TRANSIT, 0.0)
    return view


def _put_down(view: View, cube: str, side: str) -> Behaviour:
    """Carry a held cube to a free place in the tray and let go."""
    tray = view.objects[TRAY].pose.position
    free = [
        slot
        for slot in (_SIGN[side] * _SLOT, -_SIGN[side] * _SLOT, 0.0)
        if not any(
            abs(other.pose.position[1] - tray[1] - slot) < 2 * _CUBE_HALF
            for name, other in view.objects.items()
            if name not in (cube, TRAY) and in_tray(view.objects, name)
        )
    ]
    slot = free[0] if free else 0.0
    below = float(view.leaders[side].position[2] - view.objects[cube].pose.position[2])
    height = tray[2] + _TRAY_FLOOR + _DROP + _CUBE_HALF + max(below, 0.0)
    target = Pose(np.array([tray[0], tray[1] + slot, height]), _downwards(_SIGN[side] * _EASY_TURN))
    view = yield from _reach(view, side, _raised(target, _ABOVE), TRANSIT, 0.0)
    if _held(view, cube, side):
        view = yield from _reach(view, side, target, CAREFUL, 0.0)
        view = yield from _open(view, side)
    return view


def _present(view: View, cube: str, giver: str) -> Behaviour:
    """Bring a held cube to the meeting point, leaning towards the other gripper."""
    sign = _SIGN[giver]
    turn = matrix_from_rotation_vector([-sign * _LEAN, 0.0, 0.0]) @ _downwards(sign * np.pi / 2)
    held = view.tools[giver].inverse().compose(view.objects[cube].pose).position
    return (yield from _reach(view, giver, Pose(_MEETING - turn @ held, turn), TRANSIT, 0.0))


def _take(view: View, cube: str, giver: str, taker: str) -> Behaviour:
    """Grasp the presented cube with the other gripper; both hold it then."""
    turn = matrix_from_rotation_vector([_SIGN[giver] * _LEAN, 0.0, 0.0]) @ _downwards(0.0)
    along = turn[:, 2]
    grasp = Pose(view.objects[cube].pose.position - _SHALLOW * along, turn)
    outside = Pose(grasp.position - _INSERT_FROM * along, turn)
    view = yield from _reach(view, taker, outside, TRANSIT, 1.0)
    view = yield from _reach(view, taker, grasp, CAREFUL, 1.0)
    view = yield from _close(view, cube, taker)
    if not _grasped(view, cube, taker):
        view = yield from _open(view, taker)
        view = yield from _reach(view, taker, outside, CAREFUL, 1.0)
    return view


def _part(view: View, giver: str, taker: str) -> Behaviour:
    """Let go with the giver, draw it back, then move the taker with the cube to its side."""
    view = yield from _open(view, giver)
    leader = view.leaders[giver]
    away = Pose(leader.position - _INSERT_FROM * leader.rotation[:, 2], leader.rotation)
    view = yield from _reach(view, giver, away, CAREFUL, 1.0)
    aside = Pose(np.array([0.60, _SIGN[taker] * 0.22, _MEETING[2]]), view.leaders[taker].rotation)
    return (yield from _reach(view, taker, aside, TRANSIT, 0.0))


def _reach(view: View, side: str, goal: Pose, pace: Pace, opening: float) -> Behaviour:
    """Go to a pose; returns when measured there, or when it stays off although it should be."""
    intent = Intent({side: goal}, {side: opening}, pace)
    due_ns: int | None = None
    while True:
        if _near(view.leaders[side], goal, 0.002, 0.02):
            due_ns = view.now_ns if due_ns is None else due_ns
            late = (view.now_ns - due_ns) * 1e-9 > _PATIENCE_S
            if late or _near(view.tools[side], goal, _NEAR_M, _NEAR_RAD):
                return view
        view = yield intent


def _close(view: View, cube: str, side: str) -> Behaviour:
    """Close a gripper and wait until both fingers touch the cube, or long enough to give up."""
    start_ns = view.now_ns
    while (view.now_ns - start_ns) * 1e-9 < _PATIENCE_S:
        if _grasped(view, cube, side) and (view.now_ns - start_ns) * 1e-9 > _CLOSE_S:
            break
        view = yield Intent({}, {side: 0.0})
    return view


def _open(view: View, side: str) -> Behaviour:
    start_ns = view.now_ns
    while (view.now_ns - start_ns) * 1e-9 < _OPEN_S:
        view = yield Intent({}, {side: 1.0})
    return view


def _grasp_pose(view: View, cube: str, side: str, shallow: bool) -> Pose:
    """Return the tool pose for a grasp from above, fingers parallel to the cube's faces.

    Args:
        view: newest view.
        cube: object name.
        side: gripper.
        shallow: grasp less deep, so that another gripper finds room for a hand-over.
    """
    pose = view.objects[cube].pose
    # The axis that lies flattest tells the turn; a cube looks the same every quarter turn.
    axis = pose.rotation[:, int(np.argmin(np.abs(pose.rotation[2])))]
    turn = float(np.arctan2(axis[1], axis[0]))
    wanted = _SIGN[side] * _EASY_TURN
    quarter = np.pi / 2
    turn = wanted + (turn - wanted + quarter / 2) % quarter - quarter / 2
    height = _SHALLOW if shallow else _GRASP_ABOVE_CENTRE
    return Pose(pose.position + np.array([0.0, 0.0, height]), _downwards(turn))


def _downwards(turn: float) -> Array:
    """Return the rotation of a tool that points down, turned about the vertical [rad]."""
    return np.asarray(matrix_from_rotation_vector([0.0, 0.0, turn]) @ _DOWN)


def _raised(pose: Pose, height: float) -> Pose:
    return Pose(pose.position + np.array([0.0, 0.0, height]), pose.rotation)


def _keep(view: View, cube: str, side: str) -> Behaviour:
    """Stay as it is for as long as the cube is held."""
    lost_ns: int | None = None
    while lost_ns is None or (view.now_ns - lost_ns) * 1e-9 < _LOST_S:
        if _held(view, cube, side):
            lost_ns = None
        elif lost_ns is None:
            lost_ns = view.now_ns
        view = yield Intent()
    return view


def _grasped(view: View, cube: str, side: str) -> bool:
    """Whether both fingers of a gripper touch the cube."""
    return f"{side}_grasp" in view.objects[cube].touching


def _held(view: View, cube: str, side: str) -> bool:
    """Whether a cube that was grasped is still in the gripper: one finger's contact may flicker."""
    gap = view.objects[cube].pose.position - view.tools[side].position
    return f"{side}_gripper" in view.objects[cube].touching and float(gap @ gap) < _IN_HAND**2


def _near(pose: Pose, goal: Pose, distance: float, angle: float) -> bool:
    far, turned = pose.distance(goal)
    return far < distance and turned < angle
