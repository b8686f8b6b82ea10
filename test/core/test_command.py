"""Pins: a command that was judged is never changed behind the judge's back."""

from __future__ import annotations

import numpy as np
import pytest
from sample_robot import make_command

from wall_oss_ros.core.contract import RobotContract


def test_a_changed_copy_leaves_the_original_and_every_other_joint(contract: RobotContract) -> None:
    command = make_command(contract, 5, base_twist=(0.1, 0.2, 0.3))
    changed = command.changed(positions={"head_1_joint": 0.5}, velocities={"head_1_joint": 0.1})
    assert changed.positions == {**command.positions, "head_1_joint": 0.5}
    assert changed.velocities == {**command.velocities, "head_1_joint": 0.1}
    assert changed.base_twist.tolist() == [0.1, 0.2, 0.3]
    assert (changed.stamp_ns, changed.parts) == (5, command.parts)
    assert command.positions == contract.home


def test_the_base_twist_is_three_numbers_that_cannot_be_written(contract: RobotContract) -> None:
    twist = np.array([0.1, 0.0, 0.0])
    command = make_command(contract, 0).changed(base_twist=twist)
    twist[0] = 9.0
    assert command.base_twist.tolist() == [0.1, 0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        command.base_twist[0] = 9.0
    with pytest.raises(ValueError, match="expected"):
        make_command(contract, 0, base_twist=(0.0, 0.0))
