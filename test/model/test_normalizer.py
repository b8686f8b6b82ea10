"""Pins: statistics are turned into units both ways, and never taken from the wrong dataset."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.model.normalizer import Normalizers, Statistics

WIDTH = 5
numbers = st.floats(-1e3, 1e3, width=32)
rows = st.lists(numbers, min_size=WIDTH, max_size=WIDTH)
deltas = st.lists(st.floats(2.0**-7, 1e3, width=32), min_size=WIDTH, max_size=WIDTH)
inside = st.lists(st.floats(-1.0, 1.0, width=32), min_size=WIDTH, max_size=WIDTH)


def statistics(low: list[float], delta: list[float]) -> Statistics:
    return Statistics.of(low, delta, "test")


@given(rows, deltas, inside)
def test_normalising_undoes_unnormalising_inside_the_range(
    low: list[float], delta: list[float], x: list[float]
) -> None:
    found = statistics(low, delta)
    values = torch.tensor(x)
    # A number far from 0 holds a small range only roughly.
    rough = 4 * torch.finfo(torch.float32).eps * (torch.tensor(low).abs() / torch.tensor(delta) + 1)
    error = (found.normalize(found.unnormalize(values)) - values).abs()
    assert (error <= 2 * rough).all()


@given(rows, deltas, rows)
def test_normalised_numbers_stay_in_range_and_are_the_formula_inside(
    low: list[float], delta: list[float], x: list[float]
) -> None:
    got = statistics(low, delta).normalize(torch.tensor(x)).numpy()
    expected = 2 * (np.float64(x) - np.float64(low)) / np.float64(delta) - 1
    rough = 1e-6 * (1 + (np.abs(low) + np.abs(x)) / np.float64(delta))
    assert (np.abs(got - expected.clip(-1, 1)) <= rough).all()


def test_the_ends_of_the_range_are_minus_one_and_one() -> None:
    found = statistics([10.0, -4.0], [2.0, 8.0])
    assert found.normalize(torch.tensor([10.0, -4.0])).tolist() == [-1.0, -1.0]
    assert found.normalize(torch.tensor([12.0, 4.0])).tolist() == [1.0, 1.0]
    assert found.normalize(torch.tensor([11.0, 0.0])).tolist() == [0.0, 0.0]
    assert found.normalize(torch.tensor([99.0, -99.0])).tolist() == [1.0, -1.0]  # clamped
    assert found.unnormalize(torch.tensor([3.0, -3.0])).tolist() == [14.0, -12.0]  # not clamped


@given(rows, rows)
def test_a_dimension_that_never_moved_gives_finite_numbers(
    low: list[float], x: list[float]
) -> None:
    found = statistics(low, [0.0] * WIDTH)
    assert torch.isfinite(found.normalize(torch.tensor(x))).all()
    assert torch.isfinite(found.unnormalize(torch.tensor(x))).all()
    assert found.delta.tolist() == [1.0] * WIDTH


def test_dimensions_beyond_the_statistics_are_zero_both_ways() -> None:
    found = statistics([1.0], [2.0])
    values = torch.tensor([[1.0, 7.0, 8.0], [3.0, 7.0, 8.0]])
    assert found.normalize(values).tolist() == [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    assert found.unnormalize(values).tolist() == [[3.0, 0.0, 0.0], [5.0, 0.0, 0.0]]


def test_statistics_wider_than_the_values_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"5 dimensions.* 3"):
        statistics([0.0] * 5, [1.0] * 5).normalize(torch.zeros(2, 3))


def test_statistics_are_float32_of_any_type_given() -> None:
    for kind in (np.float64, np.int32):
        found = Statistics.of(np.ones(3, kind), np.ones(3, kind), "test")
        assert found.minimum.dtype == found.delta.dtype == torch.float32


def test_statistics_do_not_follow_the_arrays_they_came_from() -> None:
    low, delta = torch.zeros(3), torch.ones(3)
    found = Statistics.of(low, delta, "test")
    low += 5
    delta += 5
    assert found.minimum.tolist() == [0.0] * 3 and found.delta.tolist() == [1.0] * 3


@pytest.mark.parametrize(
    ("low", "delta"),
    [
        ([0.0, 0.0], [1.0]),
        ([], []),
        ([0.0], [-1.0]),
        ([float("nan")], [1.0]),
        ([0.0], [float("inf")]),
        ([0.0], [float("nan")]),
    ],
)
def test_statistics_that_cannot_be_are_refused_by_name(
    low: list[float], delta: list[float]
) -> None:
    with pytest.raises(CheckpointError, match="action 'lab'"):
        Normalizers.of({"action": {"lab": (low, delta)}})


def make(*keys: str) -> Normalizers:
    sets = {key: ([float(i)], [1.0]) for i, key in enumerate(keys)}
    return Normalizers.of({"action": sets, "state": sets})


@pytest.mark.parametrize(
    ("keys", "wanted", "found"),
    [
        (["x2_normal", "ex_normal"], "ex_normal", "ex_normal"),
        (["x2_normal"], None, "x2_normal"),
        (["x2_normal"], "", "x2_normal"),
        (["x2_normal_26d", "ex_normal"], "x2_normal", "x2_normal_26d"),
        (["x2_normal", "x2_normal_26d"], "x2_normal", "x2_normal"),  # itself before what it begins
    ],
)
def test_a_key_is_itself_or_the_only_one_it_can_mean(
    keys: list[str], wanted: str | None, found: str
) -> None:
    normalizers = make(*keys)
    for kind in ("action", "state"):
        assert normalizers.key(wanted, kind) == found
    assert normalizers.of_state(wanted) is normalizers.state[found]


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (["x2_normal"], "ex_normal"),  # not even the only one, under another name
        (["x2_normal_a", "x2_normal_b"], "x2_normal"),
        (["x2_normal", "ex_normal"], None),
        (["x2_normal"], "x2"[:1]),
        (["x2_normal"], "x2_normal_26d"),
        ([], None),
        ([], "x2_normal"),
    ],
)
def test_a_key_that_is_not_clear_is_refused_with_the_choice(
    keys: list[str], wanted: str | None
) -> None:
    with pytest.raises(CheckpointError) as caught:
        make(*keys).key(wanted)
    text = str(caught.value)
    for key in keys:
        assert f"'{key}'" in text
    assert wanted is None or f"'{wanted}'" in text
    assert "normalizer_key" in text


def test_another_kind_is_refused() -> None:
    with pytest.raises(CheckpointError, match="'propri'.*'action', 'state'"):
        Normalizers.of({"propri": {}})
