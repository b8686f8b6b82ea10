"""Pins: a number in a contract has a unit, and 90 deg is never 90 rad."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.contract.quantity import UNITS, parse_quantity
from wall_oss_ros.core.errors import ContractError


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("90 deg", "rad", math.pi / 2),
        ("1.5 rad", "rad", 1.5),
        ("150 mm", "m", 0.15),
        ("15 cm", "m", 0.15),
        ("33 ms", "s", 0.033),
        ("180 deg/s", "rad/s", math.pi),
        ("-35 mm/s", "m/s", -0.035),
        ("1e-3 m", "m", 0.001),
        ("  2   Hz ", "Hz", 2.0),
        (".5 m/s^2", "m/s^2", 0.5),
    ],
)
def test_units_are_converted_to_si(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == pytest.approx((value,))


def test_several_numbers_share_one_unit() -> None:
    assert parse_quantity("0 -90 180 deg", "rad", 3) == pytest.approx((0, -math.pi / 2, math.pi))


@given(st.floats(-1e6, 1e6), st.sampled_from(sorted(UNITS)))
def test_what_is_written_in_the_si_unit_is_read_back(number: float, unit: str) -> None:
    assert parse_quantity(f"{number!r} {unit}", unit) == (number,)


@given(st.floats(-1e6, 1e6), st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_units_of_another_dimension_are_refused(number: float, unit: str, other: str) -> None:
    if other in UNITS[unit]:
        assert parse_quantity(f"{number} {other}", unit)
    else:
        with pytest.raises(ContractError, match=f"'{other.replace('^', '.')}' is not valid here"):
            parse_quantity(f"{number} {other}", unit)


@pytest.mark.parametrize(
    ("text", "count", "words"),
    [
        (1.5, 1, "without a unit; write it like '0.5 rad'"),
        (0, 3, "write it like '0.5 0.5 0.5 rad'"),
        (True, 1, "without a unit"),
        (None, 1, "without a unit"),
        ("1.5", 1, "expected 1 number"),
        ("rad", 1, "expected 1 number"),
        ("", 1, "expected 1 number"),
        ("1.5rad", 1, "expected 1 number"),
        ("nan rad", 1, "expected 1 number"),
        ("inf rad", 1, "expected 1 number"),
        ("1e999 rad", 1, "not finite"),
        ("1.2.3 rad", 1, "not 1 number"),
        ("1 2 rad", 1, r"got 2 number\(s\)"),
        ("1 2 rad", 3, r"got 2 number\(s\)"),
        ("1 rad 2 rad", 2, "expected 2 number"),
        ("90 degrees", 1, "'degrees' is not valid here; use rad, deg"),
        ("90 Rad", 1, "'Rad' is not valid here; use rad, deg"),
    ],
)
def test_what_is_no_quantity_is_refused_with_an_example(
    text: object, count: int, words: str
) -> None:
    with pytest.raises(ContractError, match=words):
        parse_quantity(text, "rad", count)
