"""The replay back end sends a robot where the recorded one was sent, and waits for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recorded_robot import BEGIN, SECOND

from wall_oss_ros.core.action_space import ACTION_DIM, BASE, GRIPPER, POSITION, ROTATION
from wall_oss_ros.core.errors import EpisodeError, PolicyError
from wall_oss_ros.core.observation import JointSample, Observation
from wall_oss_ros.core.recorded_topics import EXECUTED
from wall_oss_ros.core.relative import absolute_actions
from wall_oss_ros.data.episode_reader import open_episode
from wall_oss_ros.data.recorded_actions import read_actions
from wall_oss_ros.messages.commands import PART_BITS
from wall_oss_ros.policies.registry import make_policy

NOW = 5 * SECOND


@pytest.fixture(scope="module")
def bag(robot, tmp_path_factory):
    """Three seconds, read only."""
    return robot.write(tmp_path_factory.mktemp("episodes"), "one", 3.0)


@pytest.fixture(scope="module")
def recorded(bag):
    return read_actions(open_episode(bag))


@pytest.fixture
def policy(robot, bag):
    made = make_policy("replay", robot.contract, str(bag))
    made.load()
    return made


def observation(robot, stamp_ns: int, state) -> Observation:
    joints = JointSample(stamp_ns, (), np.zeros(0), np.zeros(0))
    state = np.where(np.isfinite(state), state, 0.0)
    return Observation(
        stamp_ns, 1, (), 0.0, joints, 0.0, {}, np.zeros(3), state, robot.contract.schema_hash
    )


def wanted(recorded, seconds: float) -> np.ndarray:
    row = recorded.at(recorded.stamps_ns[0] + round(seconds * SECOND), SECOND)
    assert row is not None
    return row


def answer(policy, seen: Observation) -> np.ndarray:
    """Absolute rows, NaN where nothing is commanded."""
    output = policy.infer(seen, "")
    return np.where(output.mask, absolute_actions(output.actions, seen.state), np.nan)


def test_a_robot_that_is_somewhere_else_is_sent_where_the_recorded_one_was(robot, policy, recorded):
    state = wanted(recorded, 0.0).copy()
    state[POSITION["left"]] += 0.08
    rows = answer(policy, observation(robot, NOW, state))
    assert len(rows) == robot.contract.action.horizon
    for number in (0, 10, 31):
        due = wanted(recorded, (number + 1) * robot.contract.action.dt)
        assert rows[number] == pytest.approx(due, abs=1e-9, nan_ok=True)


def test_what_was_never_commanded_is_not_commanded(policy, robot, recorded):
    output = policy.infer(observation(robot, NOW, wanted(recorded, 0.0)), "")
    assert not output.mask[GRIPPER["right"]]
    assert np.count_nonzero(output.mask) == ACTION_DIM - 1


def test_time_passes_with_the_observations(robot, policy, recorded):
    for seconds in np.arange(0.0, 1.05, 0.1):
        stamp_ns = NOW + round(seconds * SECOND)
        rows = answer(policy, observation(robot, stamp_ns, wanted(recorded, seconds)))
    assert rows[0] == pytest.approx(wanted(recorded, 1.05), abs=1e-9, nan_ok=True)


def test_the_recording_waits_for_a_robot_that_is_behind(robot, bag, policy, recorded):
    behind = wanted(recorded, 0.0).copy()
    behind[POSITION["right"]] += 0.2
    first = answer(policy, observation(robot, NOW, behind))
    later = answer(policy, observation(robot, NOW + 5 * SECOND, behind))
    assert later == pytest.approx(first, abs=1e-9, nan_ok=True)
    # Once there, it goes on where it waited.
    on = answer(policy, observation(robot, NOW + 51 * SECOND // 10, wanted(recorded, 0.1)))
    assert on[0] == pytest.approx(wanted(recorded, 0.15), abs=1e-9, nan_ok=True)


def test_a_reset_starts_the_recording_again(robot, policy, recorded):
    start = wanted(recorded, 0.0)
    first = answer(policy, observation(robot, NOW, start))
    answer(policy, observation(robot, NOW + SECOND // 10, start))
    policy.reset()
    again = answer(policy, observation(robot, NOW + 7 * SECOND, start))
    assert again == pytest.approx(first, abs=1e-9, nan_ok=True)


def test_at_the_end_chunks_get_short_and_then_it_says_that_it_is_over(robot, policy, recorded):
    length_ns = recorded.stamps_ns[-1] - recorded.stamps_ns[0]
    answer(policy, observation(robot, NOW, recorded.rows[0]))
    near = answer(policy, observation(robot, NOW + length_ns - SECOND // 2, recorded.rows[-1]))
    assert 8 <= len(near) <= 10
    with pytest.raises(PolicyError, match=r"over after 3\.\d s"):
        policy.infer(observation(robot, NOW + length_ns, recorded.rows[-1]), "")


def due_s(message) -> float:
    """When a command was due [s after the episode's beginning]."""
    stamp = message.header.stamp
    return (stamp.sec * SECOND + stamp.nanosec - BEGIN) / SECOND


def test_where_motion_was_off_the_recording_goes_on_when_it_was_on_again(robot, tmp_path):
    def change(sent):
        return None if sent[0] == EXECUTED and 1.0 < due_s(sent[2]) < 2.0 else sent

    bag = robot.write(tmp_path, "gap", 3.0, change=change)
    made = make_policy("replay", robot.contract, str(bag))
    made.load()
    recorded = read_actions(open_episode(bag))
    answer(made, observation(robot, NOW, recorded.rows[0]))
    # The first command is due 0.1 s before the episode begins: this is 1.3 s after its beginning.
    rows = answer(made, observation(robot, NOW + 14 * SECOND // 10, recorded.rows[0]))
    assert rows[0] == pytest.approx(wanted(recorded, 2.15), abs=1e-9, nan_ok=True)


def test_a_recording_of_another_contract_is_refused(robot, bag):
    action = replace(robot.contract.action, horizon=16)
    other = replace(robot.contract, action=action)
    schema = robot.contract.schema_hash
    with pytest.raises(PolicyError, match=f"recorded with robot contract {schema}"):
        make_policy("replay", other, str(bag)).load()


@pytest.mark.parametrize(
    ("checkpoint", "error", "sentence"),
    [("", PolicyError, "give its folder"), ("/nowhere/bag", EpisodeError, "/nowhere/bag")],
)
def test_what_is_no_recording_is_refused(robot, checkpoint, error, sentence):
    with pytest.raises(error, match=sentence):
        make_policy("replay", robot.contract, checkpoint).load()


def test_a_recording_in_which_nothing_was_executed_is_refused(robot, tmp_path):
    bag = robot.write(
        tmp_path, "still", 1.0, change=lambda sent: None if sent[0] == EXECUTED else sent
    )
    with pytest.raises(EpisodeError, match="nothing was executed"):
        make_policy("replay", robot.contract, str(bag)).load()


def test_the_base_stands_where_it_was_not_commanded(robot, tmp_path):
    def change(sent):
        topic, received, message = sent
        if topic == EXECUTED and due_s(message) > 1.0:
            message = replace(message, parts=message.parts & ~PART_BITS["base"])
        return topic, received, message

    made = make_policy(
        "replay", robot.contract, str(robot.write(tmp_path, "b", 3.0, change=change))
    )
    made.load()
    driving = np.full(ACTION_DIM, 0.5)
    for side in ("left", "right"):
        driving[ROTATION[side]] = (1, 0, 0, 0, 1, 0)
    made.infer(observation(robot, NOW, driving), "")
    output = made.infer(observation(robot, NOW + SECOND // 10, driving), "")
    assert output.mask[BASE].all()
    assert output.actions[0, BASE] == pytest.approx((0.1, 0.0, 0.0))
    assert output.actions[-1, BASE] == pytest.approx(0.0, abs=0.0)
