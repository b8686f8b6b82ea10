"""Committed plans travel as messages, and what a plan cannot hold is refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.ros.plan_message import plan_from, plan_message


def plan(rows: int = 3) -> CommittedPlan:
    return CommittedPlan(
        stamp_ns=1_234_567_890_123,
        following=rows > 0,
        seq=7,
        epoch=3,
        dt=0.05,
        place=1.25,
        speed_scale=0.5,
        actions=np.arange(rows * 26, dtype=np.float64).reshape(rows, 26) / 8.0,
        consumed=2.5,
        latency_s=0.125,
        refused_seq=6,
    )


@pytest.mark.parametrize("rows", [0, 1, 32])
def test_a_plan_comes_back_as_it_was(rows):
    sent = plan(rows)
    message = plan_message(sent, "base_footprint")
    assert message.header.frame_id == "base_footprint"
    got = plan_from(message)
    assert got.actions.tolist() == sent.actions.tolist()
    for name in sent.__slots__:
        if name != "actions":
            assert getattr(got, name) == getattr(sent, name)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("horizon", 4, "expected rows x 26"),
        ("action_dim", 25, "expected rows x 26"),
        ("dt", 0.0, "dt 0.0 s"),
        ("dt", float("nan"), "dt nan s"),
        ("speed_scale", 1.5, "speed scale 1.5"),
        ("speed_scale", float("nan"), "speed scale nan"),
        ("place", float("inf"), "place is inf"),
        ("consumed", float("nan"), "consumed is nan"),
        ("latency", float("nan"), "latency is nan"),
    ],
)
def test_a_number_that_cannot_be_is_refused(field, value, words):
    message = plan_message(plan(), "base")
    setattr(message, field, value)
    with pytest.raises(MessageError, match=words):
        plan_from(message)


def test_rows_that_are_not_finite_are_refused():
    message = plan_message(plan(), "base")
    message.actions[30] = float("nan")
    with pytest.raises(MessageError, match="not finite"):
        plan_from(message)
