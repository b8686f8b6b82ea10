"""Pins: a person reads in plain words what goes on, why the robot stands, and what to do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from wall_oss_ros.core.executor import ExecutorStatus
from wall_oss_ros.core.finding import Health
from wall_oss_ros.core.policy_session import PolicyStatus
from wall_oss_ros.core.safety import Boundaries, Mode, SafetySettings, rule_set
from wall_oss_ros.core.view import words
from wall_oss_ros.core.view.console import screen
from wall_oss_ros.core.view.figures import LATENCIES, RATES, Figures
from wall_oss_ros.core.view.history import History
from wall_oss_ros.core.view.snapshot import (
    ExecutorNow,
    NodeNow,
    PolicyNow,
    RecorderNow,
    RecorderStatus,
    SafetyNow,
    Snapshot,
    Stage,
)

SECOND = 1_000_000_000
SAFETY = SafetyNow(
    Mode.NOMINAL, True, False, (), (), (), (("workspace", 0.2), ("", math.nan)), 100.0,
    (Stage("command_to_controller", 1.0, 4.0),), 0.1,
)  # fmt: skip
EXECUTOR = ExecutorNow(
    ExecutorStatus.RUNNING, "", 12, 20, 12, 0, "", 0.5, 1.0, "the left arm lags", 100.0, (), 0.1
)
POLICY = PolicyNow(PolicyStatus.RUNNING, "", "scripted", "pick it up", 12, 0, 9.8, (), 0.1)
RECORDER = RecorderNow(RecorderStatus.RECORDING, "", "ep_1", 3.0, 4.2, (), 0.1)
NODES = (NodeNow("camera_sync", 0, "observations flow", 0.2, 0.05),)
WELL = Snapshot(SAFETY, EXECUTOR, POLICY, RECORDER, NODES, "pick it up")


def test_every_rule_of_the_supervisor_has_words_and_something_to_do(contract) -> None:
    from wall_oss_ros.kinematics import MinkKinematics

    boundaries = Boundaries(contract, MinkKinematics(contract), 0.1)
    names = rule_set(contract, SafetySettings(dead_man_required=True), boundaries).names
    for name in (*names, "pause"):
        said = words.in_words(f"{name}: 0.3 s")
        assert "0.3 s. Do: " in said
        assert not said.startswith(name)


def test_a_cause_of_no_rule_stays_as_the_supervisor_says_it() -> None:
    assert words.in_words("e-stop input 'x: y' is pressed") == "E-stop input 'x: y' is pressed"
    assert words.in_words("") == ""


def test_where_all_is_well_nothing_needs_a_person() -> None:
    assert words.headline(WELL).health is Health.OK
    assert not words.needs_a_person(WELL)
    said = "\n".join(screen(WELL))
    for part in ("moves freely", "speed 50% of 100%: the left arm lags", "'pick it up'", "ep_1"):
        assert part in said


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Snapshot(), "is the graph running?"),
        (replace(WELL, safety=replace(SAFETY, age_s=9.0)), "silent for 9 s"),
        (replace(WELL, safety=replace(SAFETY, mode=Mode.ESTOP, enabled=False)), "EMERGENCY"),
        (
            replace(WELL, safety=replace(SAFETY, enabled=False, causes=("heartbeat: policy",))),
            "A node is silent: policy",
        ),
        (replace(WELL, executor=replace(EXECUTOR, status=ExecutorStatus.FAULT)), "given up"),
        (replace(WELL, policy=replace(POLICY, age_s=5.0)), "its last words"),
        (replace(WELL, policy=replace(POLICY, status=PolicyStatus.FAULT)), "fault"),
        (replace(WELL, nodes=(replace(NODES[0], level=2, sentence="frozen"),)), "frozen"),
        (replace(WELL, nodes=(NodeNow("policy", 0, "", 20.0, 20.0),)), "has it ended?"),
        (replace(WELL, recorder=replace(RECORDER, status=RecorderStatus.FAULT)), "fault"),
    ],
)
def test_what_is_wrong_is_said_and_needs_a_person(wrong: Snapshot, said: str) -> None:
    assert words.needs_a_person(wrong)
    assert said in "\n".join(screen(wrong, width=200))


def test_what_reset_and_enabling_wait_for_is_shown_while_motion_is_off() -> None:
    needs = replace(SAFETY, enabled=False, reset_needs=("release it",), enable_needs=("reset",))
    said = screen(replace(WELL, safety=needs))
    assert any("reset needs" in line and "release it" in line for line in said)
    assert any("enabling needs" in line for line in said)
    assert not any("needs" in line for line in screen(WELL))


@pytest.mark.parametrize(("width", "height"), [(40, 5), (1, 1), (120, 100)])
def test_the_screen_fits_the_terminal(width: int, height: int) -> None:
    lines = screen(WELL, width=width, height=height)
    assert len(lines) <= height
    assert all(len(line) <= max(width, 2) for line in lines)
    assert "\033[32m" in screen(WELL, colour=True)[0]


def test_a_history_keeps_its_seconds_and_begins_anew_when_the_clock_goes_back() -> None:
    history = History(("a", "b"), 2.0)
    for step in range(10):
        history.add(step * SECOND, (float(step), math.nan))
    times, a, b = history.columns()
    assert times.tolist() == [-2.0, -1.0, 0.0]
    assert a.tolist() == [7.0, 8.0, 9.0]
    assert np.isnan(b).all()
    history.add(SECOND, (1.0, 1.0))
    assert history.columns()[0].tolist() == [0.0]
    with pytest.raises(ValueError, match="a, b"):
        history.add(2 * SECOND, (1.0,))
    assert [len(column) for column in History(("a",), 1.0).columns()] == [0, 0]


def test_figures_that_nobody_says_are_gaps_and_not_zeros() -> None:
    figures = Figures(10.0)
    figures.add(WELL, SECOND)
    figures.add(Snapshot(), 2 * SECOND)
    chunks = figures.histories[RATES].columns()[1]
    assert chunks[0] == pytest.approx(9.8)
    assert math.isnan(chunks[1])
    latencies = np.array(figures.histories[LATENCIES].columns()[1:])
    assert np.isfinite(latencies[:, 0]).sum() == 1
