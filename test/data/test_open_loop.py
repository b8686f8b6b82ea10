"""Recorded observations through a policy: it is told what the robot was, and compared with it."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest
from recorded_robot import SECOND

from wall_oss_ros.cli.main import main
from wall_oss_ros.core.action_space import ACTION_DIM, POSITION, part_mask
from wall_oss_ros.core.chunk import PolicyOutput
from wall_oss_ros.core.episode import EpisodeLabel
from wall_oss_ros.core.errors import EpisodeError, PolicyError
from wall_oss_ros.core.open_loop import tool_figures
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.core.relative import neutral_row, relative_actions
from wall_oss_ros.data.episode_reader import open_episode
from wall_oss_ros.data.open_loop import run_open_loop
from wall_oss_ros.data.recorded_actions import read_actions

ROWS = 8


@pytest.fixture(scope="module")
def bag(robot, tmp_path_factory):
    """Four seconds, read only."""
    return robot.write(tmp_path_factory.mktemp("episodes"), "one", 4.0)


@pytest.fixture(scope="module")
def episode(bag):
    return open_episode(bag)


class Told:
    """Answers with what a function says, and remembers what it was told."""

    name = "told"

    def __init__(self, contract, answer) -> None:
        self.parts = contract.commanded_parts - {"right_gripper"}
        self.answer = answer
        self.seen, self.said, self.resets = [], [], 0

    def load(self) -> None:
        pass

    def reset(self) -> None:
        self.resets += 1

    def infer(self, observation, instruction: str) -> PolicyOutput:
        self.seen.append(observation)
        self.said.append(instruction)
        return PolicyOutput(self.answer(observation), part_mask(self.parts))


def oracle(episode):
    """What was executed, from the recording."""
    actions = read_actions(episode)
    dt_ns = round(episode.contract.action.dt * SECOND)

    def answer(observation):
        due = [observation.stamp_ns + (row + 1) * dt_ns for row in range(32)]
        rows = [actions.at(at, 10 * SECOND) for at in due]
        filled = np.where(np.isfinite(rows), rows, observation.state)
        return relative_actions(filled, observation.state)

    return answer


def standing(observation):
    row = neutral_row()
    row[9], row[19:] = observation.state[9], observation.state[19:]
    return np.tile(row, (32, 1))


def test_a_policy_that_does_what_was_done_has_no_error_and_the_same_seams(robot, episode):
    found = run_open_loop(episode, Told(robot.contract, oracle(episode)), rows=ROWS)
    assert 10 <= len(found.answered) <= 11  # 4 s, every 8 rows of 0.05 s
    for side in ("left", "right"):
        place, turn = tool_figures(side, found.answered)
        assert place.largest < 1e-9
        assert turn.largest < 1e-6
        ((given, was),) = found.seams(side)
        assert len(given.position) >= len(found.answered) - 2  # the last may be too near the end
        # Executed commands are known every 0.01 s, rows every 0.05 s.
        assert given.position == pytest.approx(was.position, abs=1e-3)
    assert tool_figures("left", found.answered)[1].still > 0.05
    assert set(found.safe_rows) == {32}
    assert not found.cut


def test_a_policy_that_stands_is_as_far_off_as_was_gone(robot, episode):
    found = run_open_loop(episode, Told(robot.contract, standing), rows=ROWS)
    turn = tool_figures("left", found.answered)[1]
    assert turn.mean == pytest.approx(turn.still)
    assert turn.scale == pytest.approx(0.0, abs=1e-12)


def test_it_is_asked_once_per_followed_rows_with_what_the_robot_was_told(robot, episode):
    policy = Told(robot.contract, standing)
    run_open_loop(episode, policy, rows=16)
    stamps = np.array([seen.stamp_ns for seen in policy.seen])
    assert np.diff(stamps) == pytest.approx(0.8 * SECOND, abs=0.1 * SECOND)
    assert set(policy.said) == {"pick up the red cube"}
    assert policy.resets == 1
    assert all(len(seen.cameras) == 3 for seen in policy.seen)
    other = Told(robot.contract, standing)
    run_open_loop(episode, other, rows=16, instruction="pick up the blue cube")
    assert set(other.said) == {"pick up the blue cube"}


def test_a_chunk_that_would_be_stopped_is_counted_with_the_rule(robot, episode):
    def away(observation):
        rows = standing(observation)
        rows[:, POSITION["left"]] += np.linspace(0.0, 1.5, 32)[:, None]
        return rows

    found = run_open_loop(episode, Told(robot.contract, away), rows=16)
    assert max(found.safe_rows) < 32
    assert sum(found.cut.values()) == len(found.answered)


def test_observations_without_an_answer_are_counted_with_the_reason(robot, episode):
    count = 0

    def sometimes(observation):
        nonlocal count
        count += 1
        if count % 2:
            raise PolicyError("not this one")
        return standing(observation)

    found = run_open_loop(episode, Told(robot.contract, sometimes), rows=ROWS)
    assert found.failed["not this one"] == count - count // 2
    assert len(found.answered) == count // 2

    def never(observation):
        raise PolicyError("none at all")

    with pytest.raises(EpisodeError, match=r"answered nothing: \d+ x none at all"):
        run_open_loop(episode, Told(robot.contract, never), rows=ROWS)


@pytest.mark.parametrize("rows", [0, 33])
def test_more_rows_than_a_chunk_has_are_refused(robot, episode, rows):
    with pytest.raises(PolicyError, match=f"got {rows}; expected 1 to 32"):
        run_open_loop(episode, Told(robot.contract, standing), rows=rows)


def test_an_episode_without_motion_or_instruction_is_refused(robot, tmp_path):
    def change(sent):
        return None if sent[0] == EXECUTED else sent

    still = open_episode(robot.write(tmp_path, "still", 1.0, change=change))
    with pytest.raises(EpisodeError, match="nothing was executed"):
        run_open_loop(still, Told(robot.contract, standing), rows=ROWS)
    silent = open_episode(robot.write(tmp_path, "silent", 1.0, label=EpisodeLabel("", "success")))
    with pytest.raises(EpisodeError, match="nobody said what the robot was told"):
        run_open_loop(silent, Told(robot.contract, standing), rows=ROWS)


def test_the_command_prints_a_table_and_leaves_a_picture_and_figures(bag, tmp_path, capsys):
    arguments = ["replay", str(bag), "--policy", "replay", "--checkpoint", str(bag), "--quiet"]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "| left tool [rad] |" in shown
    assert "look-ahead lets 100.0% of the rows pass" in shown
    (still,) = re.findall(r"no motion, neither executed nor answered: (.*)", shown)
    assert {"right_arm", "right_gripper", "lift"} <= set(still.split(", "))
    assert {"left_arm", "head"}.isdisjoint(still.split(", "))
    with (tmp_path / "out" / "open_loop.csv").open() as stream:
        lines = {line["name"]: line for line in csv.DictReader(stream)}
    assert len(lines) >= ACTION_DIM
    assert float(lines["left tool [rad]"]["scale"]) == pytest.approx(1.0, abs=0.1)
    assert (tmp_path / "out" / "one.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--policy", "scripted"], "looks at the simulation itself"),
        (["--policy", "magic"], "unknown policy 'magic'"),
        (["--policy", "exercise", "--set", "amplitude=big"], "got str; expected float"),
        (["--policy", "exercise", "--set", "speed=1"], "expected NAME=VALUE with one of"),
        (["--policy", "exercise", "--set", "amplitude=9"], "expected 0.0 to 3.0"),
        (["--policy", "replay", "--set", "a=1"], "no settings"),
        (["--policy", "exercise", "--rows", "40"], "got 40; expected 1 to 32"),
        (["--policy", "exercise", "--output", "/proc/nowhere"], "cannot make /proc/nowhere"),
    ],
)
def test_what_cannot_be_is_one_sentence(bag, tmp_path, capsys, options, sentence):
    arguments = ["replay", str(bag), "--quiet", "--output", str(tmp_path / "out"), *options]
    assert main(arguments) == 1
    shown = capsys.readouterr().err
    assert sentence in shown
    assert shown.count("\n") == 1
