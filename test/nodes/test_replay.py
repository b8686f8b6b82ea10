"""The replay back end repeats what was recorded, in its time, and refuses what is no recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.errors import BagError, PolicyError, WallOssError
from wall_oss_ros.core.observation import JointSample, Observation
from wall_oss_ros.msg import ActionChunk
from wall_oss_ros.policies.registry import make_policy
from wall_oss_ros.ros.stamps import to_stamp

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
MESSAGES = Path(__file__).parents[2] / "msg"


def record(bag: Path, schema: str, count: int = 3) -> Path:
    """Write chunks 0.5 s apart; chunk k starts k cm up and rises by a millimetre a row."""
    store = get_typestore(Stores.ROS2_JAZZY)
    text = (MESSAGES / "ActionChunk.msg").read_text()
    store.register(get_types_from_msg(text, "wall_oss_ros/msg/ActionChunk"))
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection(
            "/action_chunk", "wall_oss_ros/msg/ActionChunk", typestore=store
        )
        for k in range(count):
            rows = np.zeros((32, ACTION_DIM), np.float32)
            rows[:, 2] = 0.01 * k + 0.001 * np.arange(32)
            message = ActionChunk(
                seq=k + 1,
                dt=0.05,
                horizon=32,
                action_dim=ACTION_DIM,
                actions=rows.ravel().tolist(),
                raw_actions=rows.ravel().tolist(),
                anchor_state=[0.0] * ACTION_DIM,
                action_mask=[True] * ACTION_DIM,
                schema=schema,
            )
            stamp_ns = START + k * SECOND // 2
            message.header.stamp = to_stamp(stamp_ns)
            writer.write(topic, stamp_ns, serialize_message(message))
    return bag


def observation(contract, stamp_ns: int) -> Observation:
    joints = JointSample(stamp_ns, (), np.zeros(0), np.zeros(0))
    return Observation(
        stamp_ns, 1, (), 0.0, joints, 0.0, {}, np.zeros(3), np.zeros(26), contract.schema_hash
    )


@pytest.fixture
def replay(contract, tmp_path):
    policy = make_policy("replay", contract, str(record(tmp_path / "bag", contract.schema_hash)))
    policy.load()
    return policy


def test_recorded_rows_come_back_in_the_time_of_the_recording(replay, contract):
    now = 5 * SECOND
    first = replay.infer(observation(contract, now), "")
    assert first.actions[:, 2] == pytest.approx(0.001 * np.arange(32))
    # 0.6 s later the second chunk is 0.1 s old: its first two rows are past.
    later = replay.infer(observation(contract, now + 6 * SECOND // 10), "")
    assert later.actions[:, 2] == pytest.approx(0.01 + 0.001 * np.arange(2, 32))
    assert later.mask.all()


def test_a_reset_starts_the_recording_again(replay, contract):
    replay.infer(observation(contract, 5 * SECOND), "")
    replay.reset()
    again = replay.infer(observation(contract, 9 * SECOND), "")
    assert again.actions[0, 2] == 0.0


def test_after_the_recording_it_says_so_instead_of_repeating_the_last_chunk(replay, contract):
    replay.infer(observation(contract, 5 * SECOND), "")
    with pytest.raises(PolicyError, match=r"over after 2\.6 s"):
        replay.infer(observation(contract, 8 * SECOND), "")


def test_a_recording_of_another_contract_is_refused(contract, tmp_path):
    policy = make_policy("replay", contract, str(record(tmp_path / "bag", "0123456789abcdef")))
    with pytest.raises(PolicyError, match="recorded with robot contract 0123456789abcdef"):
        policy.load()


@pytest.mark.parametrize("checkpoint", ["", "/nowhere/bag"])
def test_what_is_no_recording_is_refused(contract, checkpoint):
    with pytest.raises(WallOssError, match="bag"):
        make_policy("replay", contract, checkpoint).load()


def test_a_recording_without_chunks_is_refused(contract, tmp_path):
    bag = record(tmp_path / "bag", contract.schema_hash, count=0)
    with pytest.raises(BagError, match="holds no messages"):
        make_policy("replay", contract, str(bag)).load()
