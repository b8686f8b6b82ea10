"""What one tick of the safety supervisor costs, and one look ahead over a chunk."""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.cli.bench.table import markdown
from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import NANOSECONDS, ActionChunk, StageTimes
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.observation import JointSample, state_vector
from wall_oss_ros.core.safety import Boundaries, SafetySettings, SafetySupervisor, rule_set
from wall_oss_ros.core.safety.look_ahead import LookAhead
from wall_oss_ros.core.safety.look_ahead_settings import LookAheadSettings
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.ros.locations import robots_folder

Array = NDArray[np.float64]

# What the project promises [ms], medians on a core that does nothing else.
MOST_TICK_MS = 0.5
MOST_LOOK_AHEAD_MS = 10.0

_DT = 0.01
_PERIOD_NS = NANOSECONDS // 100
_TICKS = 3000
_CHUNKS = 60

Motion = Callable[[float], tuple[Array, Array]]


def run(options: argparse.Namespace) -> int:
    """Measure and print; return 1 if a median is above what the project promises."""
    contract = load_contract(robots_folder() / "tiago_pro_sim.yaml")
    home = np.array([joint.home for joint in contract.limited_joints.values()])
    rows, within = [], True
    for what, motion, start in (
        ("every part moves", _swinging(contract, home), home),
        ("a step beyond all limits", _jumping(contract, home), home),
        ("the arms come near each other or the body", _nearing(contract, home), home),
        ("standing", lambda time_s: (home, np.zeros(len(home))), home),
    ):
        times, who = _ticks(contract, motion, start)
        p50, p99 = np.percentile(times, [50, 99])
        within = within and p50 <= MOST_TICK_MS
        rows.append((what, f"{p50:.3f}", f"{p99:.3f}", f"{times.max():.2f}", ", ".join(who) or "-"))
    print(f"{len(contract.limited_joints)} joints with limits, {_TICKS} ticks each [ms]\n")
    print(
        markdown(("one tick of the supervisor", "p50", "p99", "max", "who limited or held"), rows)
    )
    times = _look_aheads(contract)
    p50, p99 = np.percentile(times, [50, 99])
    within = within and p50 <= MOST_LOOK_AHEAD_MS
    head = (f"look ahead over a chunk of {contract.action.horizon} rows", "p50", "p99", "max")
    row = (
        f"{_CHUNKS} chunks, both arms, lift, head",
        *(f"{t:.2f}" for t in (p50, p99, times.max())),
    )
    print(f"\n{markdown(head, [row])}")
    return 0 if within else 1


def _swinging(contract: RobotContract, home: Array) -> Motion:
    """Return a smooth motion of all joints within their limits, beginning at rest at home."""
    limits = contract.limited_joints.values()
    reach = np.array([min(0.08, 0.5 * joint.velocity) for joint in limits])
    # The lift of the sample robot is near its upper end.
    reach = np.minimum(
        reach, [0.5 * min(j.home - j.position[0], j.position[1] - j.home) for j in limits]
    )

    def motion(time_s: float) -> tuple[Array, Array]:
        return home + reach * (1.0 - np.cos(2.0 * time_s)) / 2.0, reach * np.sin(2.0 * time_s)

    return motion


def _jumping(contract: RobotContract, home: Array) -> Motion:
    """Return a target that jumps to and fro every half second."""
    there = home + _swinging(contract, np.zeros(len(home)))(np.pi / 2.0)[0]

    def motion(time_s: float) -> tuple[Array, Array]:
        return (there if int(2.0 * time_s) % 2 else home), np.zeros(len(home))

    return motion


def _nearing(contract: RobotContract, home: Array) -> Motion:
    """Return a target that swings both arms about their second joint, up to the clearance."""
    names = tuple(contract.limited_joints)
    outward = np.zeros(len(home))
    for arm in contract.arms.values():
        shoulder = list(arm.joints)[1]
        low, high = arm.joints[shoulder].position
        middle = home[names.index(shoulder)]
        outward[names.index(shoulder)] = 1.0 if high - middle > middle - low else -1.0

    def motion(time_s: float) -> tuple[Array, Array]:
        return home + outward * np.sin(time_s), outward * np.cos(time_s)

    return motion


def _ticks(contract: RobotContract, motion: Motion, start: Array) -> tuple[Array, list[str]]:
    """Return the time of every tick [ms] while the robot follows at once, and who intervened."""
    kinematics, settings = MinkKinematics(contract), SafetySettings()
    boundaries = Boundaries(contract, kinematics, settings.workspace_margin_m)
    rules = rule_set(contract, settings, boundaries)
    supervisor = SafetySupervisor(contract, kinematics, rules, settings)
    names = contract.joint_names
    measured = dict(contract.home)
    now_ns, times = NANOSECONDS, []
    gc.collect()
    for tick in range(_TICKS + 1):
        now_ns += _PERIOD_NS
        for node in settings.heartbeat_nodes:
            supervisor.heartbeat(node, now_ns)
        values = np.array([measured[name] for name in names])
        supervisor.measure(JointSample(now_ns, names, values, np.zeros(len(names))))
        # Commands are half a period old, as those of a loop of its own are.
        supervisor.propose(_command(contract, motion, tick * _DT, now_ns - _PERIOD_NS // 2))
        if tick == 0:
            reason = supervisor.enable_motion(True, now_ns)
            assert reason is None, reason
        begun_s = time.perf_counter()
        output = supervisor.step(now_ns, _DT, now_ns)
        times.append(1e3 * (time.perf_counter() - begun_s))
        assert output is not None and supervisor.motion_enabled, supervisor.latched_causes
        measured.update(output.positions)
    who = [name for name, count in supervisor.counts.items() if count.limited or count.stopped]
    return np.array(times[1:]), who


def _command(contract: RobotContract, motion: Motion, time_s: float, stamp_ns: int) -> RobotCommand:
    positions, velocities = motion(time_s)
    names = tuple(contract.limited_joints)
    grippers = {gripper.joint: gripper.open for gripper in contract.grippers.values()}
    base = np.zeros(3) if contract.base is None else np.array([0.1 * np.sin(time_s), 0.0, 0.1])
    return RobotCommand(
        stamp_ns=stamp_ns,
        source_seq=1,
        source_epoch=1,
        parts=contract.commanded_parts,
        positions=dict(zip(names, positions.tolist(), strict=True)) | grippers,
        velocities=dict(zip(names, velocities.tolist(), strict=True))
        | dict.fromkeys(grippers, 0.0),
        tools={},
        grippers=dict.fromkeys(contract.grippers, 1.0),
        base_twist=base,
    )


def _look_aheads(contract: RobotContract) -> Array:
    """Return the time of each look ahead [ms], over chunks that are safe to the end."""
    kinematics, settings = MinkKinematics(contract), SafetySettings()
    boundaries = Boundaries(contract, kinematics, settings.workspace_margin_m)
    look_ahead = LookAhead(contract, kinematics, boundaries, LookAheadSettings())
    home = np.array([joint.home for joint in contract.limited_joints.values()])
    names, motion = tuple(contract.limited_joints), _swinging(contract, home)
    times = []
    for seq in range(_CHUNKS + 1):
        start_s = 0.1 * seq
        rows = []
        for row in range(contract.action.horizon + 1):
            joints = motion(start_s + row * contract.action.dt)[0].tolist()
            positions = dict(contract.home) | dict(zip(names, joints, strict=True))
            tools = kinematics.tool_poses(positions)
            rows.append(state_vector(contract, positions, tools, np.zeros(3)))
        chunk = _chunk(contract, seq, np.array(rows[1:]), rows[0])
        start = motion(start_s)[0].tolist()
        begun_s = time.perf_counter()
        verdict = look_ahead.judge(
            chunk, dict(contract.home) | dict(zip(names, start, strict=True))
        )
        times.append(1e3 * (time.perf_counter() - begun_s))
        assert verdict.safe_rows == chunk.horizon, verdict
    return np.array(times[1:])


def _chunk(contract: RobotContract, seq: int, rows: Array, anchor: Array) -> ActionChunk:
    return ActionChunk(
        stamp_ns=NANOSECONDS,
        seq=seq,
        epoch=1,
        instruction="",
        dt=contract.action.dt,
        actions=rows,
        raw_actions=rows,
        anchor=anchor,
        mask=action_space.part_mask(contract.commanded_parts),
        frozen_prefix=0,
        stages=StageTimes(),
        policy="bench",
        schema=contract.schema_hash,
    )
