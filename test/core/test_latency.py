"""Pins: every stage of the chain is reported, in order, measured or not."""

from __future__ import annotations

import pytest
from sample_robot import MS

from wall_oss_ros.core.latency import LatencyStages


def test_stages_are_reported_in_order_with_percentiles_in_milliseconds() -> None:
    stages = LatencyStages("camera_to_inference", "inference")
    for i in range(101):
        stages.add("inference", 1_000 * MS, (1_000 + i) * MS)
    first, second = stages.reports()
    assert (first.name, first.ms, first.count) == ("camera_to_inference", (0.0, 0.0, 0.0), 0)
    assert (second.name, second.count) == ("inference", 101)
    assert second.ms == pytest.approx((50.0, 95.0, 99.0))


def test_a_name_that_is_no_stage_is_an_error_and_not_a_new_stage() -> None:
    stages = LatencyStages("inference")
    with pytest.raises(KeyError):
        stages.add("inferense", 0, MS)
    assert [stage.name for stage in stages.reports()] == ["inference"]


def test_cleared_stages_have_no_measurements() -> None:
    stages = LatencyStages("inference")
    stages.add("inference", 0, MS)
    stages.clear()
    assert stages.reports()[0].count == 0
    assert stages.reports()[0].ms == (0.0, 0.0, 0.0)
