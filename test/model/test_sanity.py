"""Pins: a chunk that a working model makes passes every check, and each known fault fails its own.

The faults are those that people met with such models: wrong statistics, another layout, noise.
"""

from __future__ import annotations

import numpy as np
import pytest

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.model.sanity import Finding, Limits, compare_runs, examine

H, D = 32, action_space.ACTION_DIM
ALL = np.ones(D)


@pytest.fixture
def contract(request: pytest.FixtureRequest) -> RobotContract:
    return load_contract(request.config.rootpath / "config" / "robots" / "tiago_pro_sim.yaml")


def chunk() -> np.ndarray:
    """A calm motion of both arms: 10 cm and 20 degrees, grippers closing."""
    rows = np.zeros((H, D))
    along = np.linspace(0.0, 1.0, H)
    for side in action_space.SIDES:
        rows[:, action_space.POSITION[side]] = along[:, None] * (0.1, -0.05, 0.02)
        turn = rotation.matrix_from_rotation_vector(along[:, None] * (0.0, 0.3, 0.2))
        rows[:, action_space.ROTATION[side]] = rotation.rot6d_from_matrix(turn)
        rows[:, action_space.GRIPPER[side]] = 1.0 - along
    return rows


def normalized() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.9, 0.9, (H, D))


def failed(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.name for finding in findings if not finding.ok]


def test_a_calm_motion_passes_with_and_without_a_contract(contract: RobotContract) -> None:
    for limits in (None, Limits.of(contract)):
        findings = examine(chunk(), normalized(), ALL, H, limits=limits)
        assert failed(findings) == []
        assert all(finding.detail for finding in findings)


def test_a_contract_adds_the_grippers(contract: RobotContract) -> None:
    without = {f.name for f in examine(chunk(), normalized(), ALL, H)}
    with_contract = {
        f.name for f in examine(chunk(), normalized(), ALL, H, limits=Limits.of(contract))
    }
    assert with_contract - without == {"left gripper", "right gripper"}


def test_another_shape_ends_the_examination() -> None:
    assert failed(examine(chunk()[:-1], normalized(), ALL, H)) == ["shape"]
    assert failed(examine(chunk(), normalized()[:, :-1], ALL, H)) == ["shape"]
    assert failed(examine(chunk(), normalized(), np.zeros(D), H)) == ["shape"]


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_named_by_row_and_column(number: float) -> None:
    bad = chunk()
    bad[3, 22] = number
    finding = examine(bad, normalized(), ALL, H)[-1]
    assert (finding.name, finding.ok) == ("finite", False)
    assert "row 3, column 22" in finding.detail


def test_masked_dimensions_carry_no_meaning() -> None:
    bad, mask = chunk(), ALL.copy()
    mask[10:20] = 0
    bad[:, 10:20] = np.nan
    names = [finding.name for finding in examine(bad, normalized(), mask, H)]
    assert failed(examine(bad, normalized(), mask, H)) == []
    assert not [name for name in names if name.startswith("right")]


def test_wrong_statistics_leave_the_workspace() -> None:
    bad = chunk()
    bad[:, action_space.POSITION["left"]] *= 50.0
    assert failed(examine(bad, normalized(), ALL, H)) == ["left arm position"]


@pytest.mark.parametrize("six", [np.zeros(6), np.ones(6), [3.0, 0, 0, 0, 3.0, 0]])
def test_numbers_of_another_field_are_no_rotation(six: object) -> None:
    bad = chunk()
    bad[:, action_space.ROTATION["right"]] = six
    assert failed(examine(bad, normalized(), ALL, H)) == ["right arm rotation"]


def test_a_gripper_of_another_range_is_seen(contract: RobotContract) -> None:
    bad = chunk()
    bad[:, action_space.GRIPPER["left"]] *= 4.5
    findings = examine(bad, normalized(), ALL, H, limits=Limits.of(contract))
    assert failed(findings) == ["left gripper"]


def test_noise_that_no_network_touched_is_seen() -> None:
    noise = np.random.default_rng(0).normal(size=(H, D))
    assert failed(examine(chunk(), noise, ALL, H)) == ["saturation"]


def test_a_layout_that_is_not_there_is_not_judged() -> None:
    findings = examine(np.full((H, D), 7.0), normalized(), ALL, H, columns={})
    assert [finding.name for finding in findings] == ["shape", "finite", "saturation"]


def test_the_same_seed_must_give_the_same_numbers() -> None:
    rows = chunk()
    assert compare_runs(rows, rows.copy()).ok
    assert not compare_runs(rows, rows + 1e-6).ok
    assert not compare_runs(rows, rows[:-1]).ok
