"""The same reactions in a namespace, and where all nodes follow simulated time."""

from __future__ import annotations

import pytest

from wall_oss_ros.cli.bench.fault_cases import chosen
from wall_oss_ros.cli.bench.fault_trial import try_fault
from wall_oss_ros.cli.bench.monitor import WATCHED
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising

pytestmark = pytest.mark.system

SMALL = {"image_size": "64"}


def tried(rig: Rig, name: str) -> None:
    """Make one trial of a fault, with time for a busy machine; it must pass."""
    (fault,) = chosen(name)
    trial = try_fault(rig, fault, patience=10.0)
    assert trial.passed, trial.note


def test_in_a_namespace_everything_stops_too_and_its_status_is_told(
    no_process_left, patient, wall_oss
) -> None:
    arguments = {**SMALL, "namespace": "cell_7"}
    with exercising(WATCHED, arguments=arguments, parameters=patient) as running:
        tried(running, "estop_left_arm")
        assert running.conductor.call("safety_supervisor/estop").success
        stopped = wall_oss("status", "--once", "--namespace", "cell_7")
        assert stopped.returncode == 1
        assert "EMERGENCY STOP" in stopped.stdout
        for _ in range(3):  # on a busy machine a late message may stop the robot meanwhile
            running.set_in_motion()
            moving = wall_oss("status", "--once", "--namespace", "cell_7")
            if moving.returncode == 0:
                break
        assert moving.returncode == 0, moving.stdout
        assert "moves" in moving.stdout
        elsewhere = wall_oss("status", "--once")
        assert elsewhere.returncode == 1
        assert "is the graph running?" in elsewhere.stdout


def test_on_simulated_time_a_killed_policy_and_a_clock_that_jumps_stop_the_robot(
    no_process_left, patient
) -> None:
    arguments = {**SMALL, "use_sim_time": "true"}
    with exercising(WATCHED, arguments=arguments, parameters=patient) as running:
        tried(running, "clock_jump")
        tried(running, "policy_killed")
        running.set_in_motion()
