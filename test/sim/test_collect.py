"""Pins: demonstrations say what the expert wants while its commands are pushed aside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="datasets need the 'data' extra")

from wall_oss_ros.collection.collect import collect
from wall_oss_ros.collection.demonstrator import ground_truth
from wall_oss_ros.collection.disturbance import (
    Disturbance,
    DisturbanceSettings,
    Push,
    draw_disturbances,
)
from wall_oss_ros.collection.episode import (
    GLANCES,
    Collector,
    CollectSettings,
    in_other_words,
)
from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import DatasetError, PolicyError, SimulationError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.data.dataset_reader import Dataset, open_dataset
from wall_oss_ros.data.dataset_sources import read_sources
from wall_oss_ros.data.training_config import (
    ACTION_KEY,
    DISTURBED_KEY,
    GROUND_TRUTH_KEY,
    STATE_KEY,
)
from wall_oss_ros.policies.instructions import parse
from wall_oss_ros.policies.subtasks import next_step
from wall_oss_ros.sim.appearance import Appearance
from wall_oss_ros.sim.layout import draw_layout
from wall_oss_ros.sim.robot import SimRobot

ROBOT = Path(__file__).parents[2] / "config" / "robots" / "tiago_pro_sim.yaml"
SETTINGS = CollectSettings(image_size=32, disturbance=DisturbanceSettings(spared=0.0))


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("collected") / "pick"
    made = collect(ROBOT, folder, SETTINGS, seeds=range(7, 9), workers=1, validation=0.5)
    assert made.failed == () and made.dataset.splits == {"train": (0, 1), "val": (1, 2)}
    return open_dataset(folder)


def test_a_collected_dataset_reads_back(collected: Dataset) -> None:
    assert collected.format.fps == 20
    assert {len(names) for names in collected.format.vectors.values()} == {26, 5, 1}
    frames = list(collected.frames(0, list(collected.format.cameras)[:1]))
    assert len(frames) == collected.episodes[0].length > 40
    assert len(frames[0].images) == 1
    steps = set(collected.subtasks_of_frames(0))
    assert steps == {f"pick up the {parse(collected.episodes[0].task).colours[0]} cube"}
    assert (collected.root / "norm_stats.json").is_file()


def test_what_is_wanted_goes_on_from_where_a_push_left_the_tool(collected: Dataset) -> None:
    """A chunk is learnt from up to the next push: until then one row follows from the other."""
    vectors = collected.vectors(0)
    side = "left" if vectors[GROUND_TRUTH_KEY][0, 1] > 0 else "right"
    place = action_space.POSITION[side]
    wanted, was = vectors[ACTION_KEY][:, place], vectors[STATE_KEY][:, place]
    off = np.linalg.norm(wanted - was, axis=1)
    disturbed = vectors[DISTURBED_KEY][:, 0] > 0
    assert 0.05 < disturbed.mean() < 0.8
    assert off[~disturbed].max() < 0.08
    went = np.linalg.norm(np.diff(wanted, axis=0), axis=1)
    assert went[~disturbed[:-1]].max() < 0.35 / 20 * 1.05
    assert (np.diff(disturbed.astype(int)) == 1).any()


def test_the_expert_ends_with_the_named_cube_in_the_air(collected: Dataset) -> None:
    truth = collected.vectors(0)[GROUND_TRUTH_KEY]
    assert truth[0, 2] < 0.78 and truth[-1, 2] > 0.85
    assert np.hypot(truth[:, 3], truth[:, 4]) == pytest.approx(np.ones(len(truth)), abs=1e-5)


def test_a_dataset_that_is_there_is_not_written_over(collected: Dataset) -> None:
    with pytest.raises(DatasetError, match="exists already"):
        collect(ROBOT, collected.root, SETTINGS, seeds=range(1), workers=1, validation=0.0)


def test_what_a_process_cannot_begin_with_is_said_by_the_command(tmp_path: Path) -> None:
    settings = replace(SETTINGS, task="fly")
    with pytest.raises(SimulationError, match="unknown task 'fly'; valid: "):
        collect(ROBOT, tmp_path / "d", settings, seeds=range(2), workers=2, validation=0.0)


def test_a_failed_expert_leaves_no_shard(contract: RobotContract, tmp_path: Path) -> None:
    collector = Collector(contract, replace(SETTINGS, limit_s=0.5))
    assert collector.collect(3, tmp_path / "shard") == 0
    assert not (tmp_path / "shard").exists()


def test_a_glance_is_the_same_robot_above_another_scene_with_nothing_to_learn_from_but_the_place(
    contract: RobotContract, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, glances=0.5)
    made = collect(ROBOT, tmp_path / "d", settings, seeds=range(7, 9), workers=1, validation=0.5)
    assert made.dataset.splits == {"train": (0, 2), "val": (2, 4)}
    dataset = open_dataset(tmp_path / "d")
    shown, glances = (dataset.vectors(number) for number in (0, 1))
    count = dataset.episodes[1].length
    assert 10 < count < 0.7 * dataset.episodes[0].length
    assert (glances[DISTURBED_KEY] == 1).all()
    # The robot was there in the demonstration; the object it is asked for is elsewhere each time.
    moments = {tuple(state) for state in shown[STATE_KEY]}
    assert {tuple(state) for state in glances[STATE_KEY]} <= moments
    truth = glances[GROUND_TRUTH_KEY]
    assert len({tuple(place) for place in truth[:, :2]}) == count
    assert truth[:, 2] == pytest.approx(np.full(count, 0.765), abs=1e-3)
    assert {*np.sign(truth[:, 1])} == {-1.0, 1.0}
    demonstration, nothing = read_sources(dataset.root, 4)[:2]
    assert (demonstration.outcome, demonstration.progress) == ("success", 1.0)
    assert (nothing.policy, nothing.outcome, nothing.progress) == (GLANCES, "unlabelled", None)
    # Where chunks are measured, glances are no motion.
    plain = collect(ROBOT, tmp_path / "e", SETTINGS, seeds=range(7, 9), workers=1, validation=0.5)
    texts = [(each / "norm_stats.json").read_text() for each in (tmp_path / "d", tmp_path / "e")]
    assert texts[0] == texts[1] and plain.still == made.still


def test_a_glance_changes_nothing_in_the_scene_it_is_taken_from(robot: SimRobot) -> None:
    before, truth = robot.snapshot(), robot.task_state()
    layout = draw_layout(
        np.random.default_rng(5), tuple(sorted(truth.objects.keys() - {"tray"})), {}
    )
    seen, other = robot.elsewhere(layout)
    assert np.array_equal(robot.snapshot().qpos, before.qpos) and robot.task_state() is truth
    for name, spot in layout.cubes.items():
        assert other.objects[name].pose.position[:2] == pytest.approx([spot.x, spot.y], abs=1e-3)
    assert other.objects["tray"].pose.position[0] == pytest.approx(layout.tray.x, abs=1e-3)
    assert (seen.qpos != before.qpos).sum() <= 7 * len(layout.cubes)
    assert other.progress == 0.0 and not other.success


def test_a_push_begins_and_ends_at_rest_and_what_it_does_in_parts_adds_up() -> None:
    push = Push(1.0, 0.5, np.array([0.02, 0.0, 0.0]), 0.1)
    assert [push.done(t) for t in (0.9, 1.0, 1.25, 1.5, 2.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert push.done(1.01) < 0.002 and push.done(1.49) > 0.998
    pushed = Disturbance([push])
    times = np.linspace(0.0, 3.0, 50)
    parts = [pushed.between(*each) for each in zip(times, times[1:], strict=False)]
    assert sum(offset for offset, _ in parts) == pytest.approx(push.offset)
    assert sum(turn for _, turn in parts) == pytest.approx(0.1)
    assert [pushed.active(*each) for each in ((0.0, 1.0), (0.9, 1.1), (1.2, 1.3), (1.5, 2.0))] == [
        False,
        True,
        True,
        False,
    ]


def test_pushes_are_bounded_repeat_with_their_seed_and_may_be_spared() -> None:
    settings = DisturbanceSettings(spared=0.0, position_m=0.2)
    first, again = (
        draw_disturbances(np.random.default_rng(5), settings, 20.0, ("left",))["left"]
        for _ in range(2)
    )
    assert first._pushes and len(first._pushes) == len(again._pushes)
    for one, other in zip(first._pushes, again._pushes, strict=True):
        assert np.array_equal(one.offset, other.offset) and one.start_s == other.start_s
        most = settings.most_m if one.start_s else settings.start_most_m
        assert np.linalg.norm(one.offset) <= most + 1e-12
    assert [one.start_s for one in first._pushes].count(0.0) == 1
    settings = replace(settings, spared=1.0)
    spared = draw_disturbances(np.random.default_rng(5), settings, 20.0, ("left",))
    assert not spared["left"]._pushes


def test_other_words_mean_the_same() -> None:
    said = {in_other_words("pick up the red cube", np.random.default_rng(n)) for n in range(60)}
    assert len(said) > 3
    assert {parse(words) for words in said} == {parse("pick up the red cube")}
    assert in_other_words("sort", np.random.default_rng(0)) == "sort"


def test_the_ground_truth_is_of_the_cube_that_is_named(robot: SimRobot) -> None:
    task = robot.task_state()
    for colour in ("red", "blue", "green"):
        found = ground_truth(task, f"pick up the {colour} cube")
        assert found[:3] == pytest.approx(task.objects[f"{colour}_cube"].pose.position)
    with pytest.raises(PolicyError, match="names 2 cubes"):
        ground_truth(task, "put the red cube and the blue cube into the tray")


def test_the_next_step_of_a_long_task_is_the_first_cube_that_is_not_in_the_tray(
    robot: SimRobot,
) -> None:
    task = robot.task_state()
    long = "put the red cube and the blue cube into the tray"

    def in_the_tray(*names: str) -> TaskState:
        tray = task.objects["tray"].pose
        inside = Pose(tray.position + [0.0, 0.0, 0.03], tray.rotation)
        there = {name: replace(task.objects[name], pose=inside) for name in names}
        return replace(task, objects={**task.objects, **there})

    assert next_step(long, task) == "put the red cube into the tray"
    assert next_step(long, in_the_tray("red_cube")) == "put the blue cube into the tray"
    done = in_the_tray("red_cube", "blue_cube")
    assert next_step(long, done) == "put the blue cube into the tray"
    assert next_step("Grab the green cube!", task) == "pick up the green cube"
    hand_over = "hand the red cube from the left gripper to the right gripper"
    assert next_step(hand_over, task) == hand_over
    with pytest.raises(PolicyError, match="no pink_cube in this scene"):
        next_step("put the pink cube into the tray", task)
    for step in (next_step(long, task), hand_over):
        assert len(parse(step).colours) == 1


def test_another_appearance_is_near_repeats_and_can_be_undone(robot: SimRobot) -> None:
    plain = Appearance.of(robot.model)
    try:
        other = plain.varied(robot.model, np.random.default_rng(1))
        other.apply(robot.model)
        assert np.array_equal(Appearance.of(robot.model).colours, other.colours.astype("f4"))
        assert 0.0 < np.abs(other.colours - plain.colours).max() <= 0.07 + 1e-6
        same = plain.varied(robot.model, np.random.default_rng(1))
        assert np.array_equal(same.diffuse, other.diffuse)
    finally:
        plain.apply(robot.model)
    assert np.array_equal(Appearance.of(robot.model).colours, plain.colours)
