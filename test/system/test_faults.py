"""Real processes, real DDS: what stops the robot stops it, and says why.

The faults are those of `wall-oss bench faults`, one trial each of a few; the bench makes twenty of
all of them and measures.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wall_oss_ros.cli.bench.fault import Fault
from wall_oss_ros.cli.bench.fault_cases import chosen
from wall_oss_ros.cli.bench.fault_trial import try_fault
from wall_oss_ros.cli.bench.monitor import CHUNKS, WATCHED
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.msg import ExecutorState

pytestmark = pytest.mark.system

SMALL = {"image_size": "64"}
# The machine may be busy; what matters here is that the right thing happens.
PATIENCE = 10.0
FEW = (
    "chunk_executor_stopped",
    "joint_states_nan",
    "joint_states_missing",
    "chunk_late",
    "chunk_old_epoch",
    "second_publisher",
    "estop_base",
    "reset_while_pressed",
    "estop_input",
)


@pytest.fixture(scope="module")
def rig(no_process_left, patient) -> Iterator[Rig]:
    """Return a graph in motion, shared: every trial puts right what it broke."""
    with exercising(WATCHED, controllers=True, arguments=SMALL, parameters=patient) as running:
        yield running


@pytest.mark.parametrize("name", FEW)
def test_a_fault_causes_what_it_must_and_nothing_else(rig: Rig, name: str) -> None:
    (fault,) = chosen(name)
    trial = try_fault(rig, fault, patience=PATIENCE)
    assert trial.passed, trial.note


def test_a_frozen_camera_is_named_and_no_chunk_comes_until_it_is_alive_again(rig: Rig) -> None:
    rig.set_in_motion()
    rig.inject("wrist_left", "freeze")
    told = rig.conductor.seen.levels
    rig.conductor.wait_for(
        lambda: "picture does not change" in told.get("camera_sync", (0, ""))[1], 15.0, "the reason"
    )
    assert "wrist_left" in told["camera_sync"][1]
    halted = rig.wait(lambda: rig.executor.state != ExecutorState.RUNNING, 10.0)
    assert halted, rig.describe()
    since_ns = rig.monitor.newest(CHUNKS).ns + 1
    rig.await_rest()
    assert not rig.monitor.since(CHUNKS, since_ns)
    rig.inject("wrist_left", "none")
    assert rig.wait(lambda: len(rig.monitor.since(CHUNKS, since_ns)) > 3, 10.0)


def test_the_matrix_is_complete() -> None:
    """Every fault has a name of its own and asks for something; those of each kind are there."""
    every: tuple[Fault, ...] = chosen("")
    names = [fault.name for fault in every]
    assert len(set(names)) == len(names) >= 40
    nodes = ("camera_sync", "policy", "chunk_executor", "safety_supervisor")
    assert {f"{node}_{end}" for node in nodes for end in ("killed", "stopped")} <= set(names)
    assert all(fault.required and fault.title and fault.within_s > 0.0 for fault in every)
    assert set(FEW) <= set(names)
