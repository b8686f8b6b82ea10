"""Pins: a setting outside its range never gets into a node, however it is constructed."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import pytest

from wall_oss_ros.core.assembler import AssemblerSettings
from wall_oss_ros.core.executor import ExecutorSettings
from wall_oss_ros.core.policy_session import PolicySettings
from wall_oss_ros.core.safety import SafetySettings
from wall_oss_ros.core.settings import SettingError, Settings, setting, settings_of
from wall_oss_ros.core.timeline_settings import TimelineSettings

ALL = [AssemblerSettings, TimelineSettings, ExecutorSettings, PolicySettings, SafetySettings]


@dataclass(frozen=True, slots=True)
class Oven(Settings):
    heat: float = setting(180.0, "heat of the air [C]", low=20.0, high=250.0)
    racks: tuple[int, ...] = setting((1, 3), "racks in use", low=1, high=5)
    minutes: float = setting(30.0, "baking time [min]", high=90.0)


@pytest.mark.parametrize("heat", [20.0, 100.0, 250.0])
def test_the_ends_of_a_range_belong_to_it(heat: float) -> None:
    assert Oven(heat=heat).heat == heat


@pytest.mark.parametrize("heat", [19.9, 250.1, math.nan, math.inf, -math.inf])
def test_a_value_outside_is_refused_with_name_range_and_meaning(heat: float) -> None:
    with pytest.raises(SettingError, match=r"heat: got .*; expected 20.0 to 250.0 \(heat of"):
        Oven(heat=heat)


def test_a_range_with_one_end_refuses_what_is_no_number() -> None:
    assert Oven(minutes=-5.0).minutes == -5.0
    with pytest.raises(SettingError, match="minutes"):
        Oven(minutes=math.nan)


def test_every_element_of_a_tuple_is_checked() -> None:
    with pytest.raises(SettingError, match="racks"):
        Oven(racks=(1, 6))


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(SettingError):
        dataclasses.replace(Oven(), heat=0.0)


@pytest.mark.parametrize("cls", ALL)
def test_defaults_are_valid_and_every_field_has_a_help_text(cls: type) -> None:
    cls()
    declared = [field.name for field in settings_of(cls)]
    assert declared == [field.name for field in dataclasses.fields(cls)]
    assert all(field.metadata["help"].strip() for field in settings_of(cls))


@pytest.mark.parametrize("cls", ALL)
def test_settings_cannot_be_changed_later(cls: type) -> None:
    name = next(settings_of(cls)).name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(cls(), name, 1.0)


@pytest.mark.parametrize("cls", ALL)
def test_every_number_has_a_range_and_keeps_to_it(cls: type) -> None:
    for field in settings_of(cls):
        if isinstance(field.default, bool) or not isinstance(field.default, (int, float)):
            continue
        low, high = field.metadata["low"], field.metadata["high"]
        for outside in (low - 1, high + 1, math.nan):
            with pytest.raises(SettingError, match=field.name):
                cls(**{field.name: outside})
