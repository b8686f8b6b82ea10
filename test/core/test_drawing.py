"""Marks show what a chunk intends, what was cut and what was executed, and can be drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from motions import random_chunk
from sample_robot import SECOND, T0, home_state, make_chunk

from wall_oss_ros.core import action_space
from wall_oss_ros.core.action_space import BASE, HEAD, LIFT, POSITION
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.drawing import (
    Mark,
    MarkKind,
    Sent,
    Trail,
    chunk_marks,
    plan_marks,
    safety_marks,
)
from wall_oss_ros.core.drawing.marks import by_time, one_colour
from wall_oss_ros.core.pose import Pose

seeds = st.integers(0, 2**32 - 1)


def groups(marks) -> dict[str, Mark]:
    return {f"{mark.namespace}/{mark.number}": mark for mark in marks}


@given(seed=seeds, safe=st.none() | st.integers(0, 40))
def test_every_mark_of_every_chunk_can_be_drawn(contract, seed, safe):
    chunk = random_chunk(contract, np.random.default_rng(seed), T0, 1)
    marks = chunk_marks(chunk, contract, safe, "workspace: too far")
    arms = chunk.commands("left_arm") or chunk.commands("right_arm")
    assert bool(marks) or not arms
    assert len(groups(marks)) == len(marks)  # no two of the same name
    frames = {contract.base_frame, *(arm.frame for arm in contract.arms.values())}
    assert {mark.frame for mark in marks} <= frames  # the rest is checked by Mark itself


@given(seed=seeds, safe=st.integers(0, 32))
def test_path_and_cut_are_the_rows_before_and_after_what_is_safe(contract, seed, safe):
    chunk = random_chunk(contract, np.random.default_rng(seed), T0, 1)
    assume(chunk.commands("left_arm"))
    safe = min(safe, chunk.horizon)
    found = groups(chunk_marks(chunk, contract, safe))
    columns = POSITION["left"]
    whole = np.concatenate([chunk.anchor[None, columns], chunk.actions[:, columns]])
    path, cut = found.get("left/path/0"), found.get("left/cut/0")
    assert (path is None) == (safe == 0)
    assert (cut is None) == (safe == chunk.horizon)
    if path is not None:
        assert path.points == pytest.approx(whole[: safe + 1])
    if cut is not None:
        assert cut.points == pytest.approx(whole[safe:])


def test_the_reason_stands_where_the_chunk_was_cut(contract):
    chunk = make_chunk(contract, T0, np.tile(home_state(contract), (32, 1)))
    found = groups(chunk_marks(chunk, contract, 10, "zone: table"))
    words = found["left/cut/1"]
    assert words.text == "zone: table"
    assert words.points[0] == pytest.approx(chunk.actions[9, POSITION["left"]])
    assert "left/cut/0" not in groups(chunk_marks(chunk, contract))


def test_the_base_path_is_its_twist_integrated(contract):
    rows = np.tile(home_state(contract), (32, 1))
    rows[:, BASE] = (0.2, 0.0, 0.5)
    chunk = make_chunk(contract, T0, rows)
    path = groups(chunk_marks(chunk, contract))["base/path/0"].points
    seconds = 32 * chunk.dt
    radius = 0.2 / 0.5
    end = (radius * np.sin(0.5 * seconds), radius * (1 - np.cos(0.5 * seconds)), 0.0)
    assert path[-1] == pytest.approx(end, abs=0.005)
    rows[:, BASE] = 0.0
    assert "base/path/0" not in groups(chunk_marks(make_chunk(contract, T0, rows), contract))


def test_lift_and_head_are_told_in_words_if_they_move(contract):
    rows = np.tile(home_state(contract), (32, 1))
    assert "intent/0" not in groups(chunk_marks(make_chunk(contract, T0, rows), contract))
    rows[-1, LIFT] += 0.1
    rows[-1, HEAD.start] += 0.5
    words = groups(chunk_marks(make_chunk(contract, T0, rows), contract))["intent/0"].text
    assert "lift" in words
    assert "head" in words


def test_the_committed_motion_is_drawn_from_now_on(contract):
    rows = np.tile(home_state(contract), (20, 1))
    rows[:, POSITION["left"].start] += 0.01 * np.arange(20)
    plan = CommittedPlan(T0, True, 1, 1, 0.05, 4.5, 1.0, rows, 0.0, 0.0, 0)
    found = groups(plan_marks(plan, contract))
    assert found["left/committed/0"].points == pytest.approx(rows[4:, POSITION["left"]])
    standing = CommittedPlan(T0, False, 1, 1, 0.05, 4.5, 1.0, rows, 0.0, 0.0, 0)
    assert plan_marks(standing, contract) == []


def executed(contract, stamp_ns: int, x: float, seq: int = 1) -> RobotCommand:
    tools = {side: Pose(np.array([x, 0.0, 1.0]), np.eye(3)) for side in action_space.SIDES}
    home = dict(contract.home)
    still = dict.fromkeys(home, 0.0)
    return RobotCommand(
        stamp_ns, seq, 1, contract.commanded_parts, home, still, tools, {}, np.zeros(3)
    )


def test_the_trail_keeps_the_last_seconds_and_marks_where_chunks_changed(contract):
    trail = Trail(contract, seconds=2.0)
    for number in range(40):
        stamp_ns, seq = T0 + number * SECOND // 10, 1 + number // 15
        trail.add(Sent.of(executed(contract, stamp_ns, 0.01 * number, seq)))
    found = groups(trail.marks())
    points = found["right/trail/0"].points
    assert len(points) == 21
    assert points[-1, 0] == pytest.approx(0.39)
    seams = found["right/seams/0"].points
    assert seams[:, 0] == pytest.approx([0.30])
    trail.clear()
    assert trail.marks() == []


def test_a_trail_begins_anew_when_the_clock_goes_back_and_ignores_what_is_late(contract):
    trail = Trail(contract)
    trail.add(Sent.of(executed(contract, T0, 0.0)))
    trail.add(Sent.of(executed(contract, T0 + SECOND, 1.0)))
    trail.add(Sent.of(executed(contract, T0 + SECOND // 2, 0.5)))
    assert len(groups(trail.marks())["left/trail/0"].points) == 2
    trail.add(Sent.of(executed(contract, T0 - 10 * SECOND, 0.0)))
    assert trail.marks() == []


def test_distances_and_causes_are_told_in_words():
    (mark,) = safety_marks("base", [("left workspace", 0.2), ("arms", float("nan"))], [])
    assert mark.text == "left workspace: 0.200 m"
    (near,) = safety_marks("base", [("left workspace", 0.01)], [])
    assert not np.array_equal(near.colours, mark.colours)
    (stopped,) = safety_marks("base", [], ["e-stop: service ~/estop was called"])
    assert stopped.text.startswith("stopped: e-stop")
    assert safety_marks("base", [("arms", float("nan"))], []) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"points": np.zeros((1, 3))},
        {"points": np.full((2, 3), np.nan)},
        {"size": 0.0},
        {"frame": ""},
        {"kind": MarkKind.LINES, "points": np.zeros((3, 3))},
        {"colours": np.zeros((3, 4))},
        {"colours": np.full((1, 4), 1.5)},
        {"text": "words"},
        {"kind": MarkKind.TEXT},
    ],
)
def test_what_a_viewer_could_not_draw_is_no_mark(changes):
    good = {
        "namespace": "a",
        "number": 0,
        "kind": MarkKind.STRIP,
        "frame": "base",
        "points": np.zeros((2, 3)),
        "colours": one_colour((1.0, 0.0, 0.0, 1.0)),
        "size": 0.01,
    }
    Mark(**good)
    with pytest.raises(ValueError, match="a:"):
        Mark(**{**good, **changes})


def test_colours_go_from_soon_to_late():
    colours = by_time(5, (0.0, 0.0, 0.0, 1.0), (1.0, 0.5, 0.0, 0.0))
    assert colours[0] == pytest.approx((0, 0, 0, 1))
    assert colours[2] == pytest.approx((0.5, 0.25, 0, 0.5))
    assert colours[-1] == pytest.approx((1, 0.5, 0, 0))
