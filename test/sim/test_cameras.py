"""Pins: pictures show the scene, are never twice the same, and come from the moment asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from wall_oss_ros.core.errors import SimulationError
from wall_oss_ros.sim import offscreen
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.controllers import TrajectoryPoint
from wall_oss_ros.sim.robot import SimRobot

NAMES = ("head", "wrist_left", "wrist_right")


@pytest.fixture(scope="module")
def cameras(built: SimRobot) -> Iterator[SimCameras]:
    cameras = SimCameras(built.model, NAMES, 224)
    yield cameras
    cameras.close()


def shares(image: np.ndarray) -> dict[str, float]:
    """Return the share of pixels that are clearly red, green and blue."""
    r, g, b = np.moveaxis(image.astype(int), -1, 0)
    return {
        "red": float(np.mean((r > 90) & (r > 3 * g) & (r > 3 * b))),
        "green": float(np.mean((g > 60) & (g > 2 * r) & (g > 2 * b))),
        "blue": float(np.mean((b > 80) & (b > 2 * r) & (b > 1.7 * g))),
    }


def test_pictures_have_shape_type_and_light(robot: SimRobot, cameras: SimCameras) -> None:
    images = cameras.render(robot.snapshot())
    assert tuple(images) == NAMES
    for image in images.values():
        assert image.shape == (224, 224, 3) and image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert 60 < image.mean() < 220 and image.std() > 20


def test_the_head_sees_all_three_cubes(robot: SimRobot, cameras: SimCameras) -> None:
    for seed in range(4):
        robot.reset(seed=seed)
        seen = shares(cameras.render(robot.snapshot())["head"])
        assert min(seen.values()) > 1e-3, (seed, seen)


def test_wrist_cameras_see_different_sides(robot: SimRobot, cameras: SimCameras) -> None:
    images = cameras.render(robot.snapshot())
    left, right = (images[f"wrist_{side}"].astype(int) for side in ("left", "right"))
    assert np.abs(left - right).mean() > 10


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_wrist_camera_sees_its_fingers(robot: SimRobot, cameras: SimCameras, side: str) -> None:
    before = cameras.render(robot.snapshot())[f"wrist_{side}"].astype(int)
    joint = robot.contract.grippers[side].joint
    for _ in range(100):
        robot.command_joints(f"{side}_gripper", [joint], [TrajectoryPoint([0.7], None, 0.02)])
        robot.step()
    change = np.abs(cameras.render(robot.snapshot())[f"wrist_{side}"].astype(int) - before)
    assert np.mean(change.max(axis=-1) > 40) > 0.03


def test_a_still_scene_gives_no_two_equal_pictures(robot: SimRobot, cameras: SimCameras) -> None:
    first = cameras.render(robot.snapshot())
    robot.step()
    second = cameras.render(robot.snapshot())
    for name in NAMES:
        change = np.abs(first[name].astype(int) - second[name].astype(int))
        assert 0.3 < change.mean() < 2.0  # a sensor's noise, not a motion
        assert np.mean(change > 0) > 0.3


def test_the_same_moment_gives_the_same_picture(robot: SimRobot, cameras: SimCameras) -> None:
    snapshot = robot.snapshot()
    first, second = cameras.render(snapshot), cameras.render(snapshot)
    assert all(np.array_equal(first[name], second[name]) for name in NAMES)


def test_an_episode_looks_the_same_whatever_was_before_it(
    robot: SimRobot, cameras: SimCameras
) -> None:
    seen = []
    for _ in range(2):
        robot.reset(seed=5)
        for _ in range(10):
            robot.step()
        seen.append(cameras.render(robot.snapshot()))
    for name, picture in seen[0].items():
        assert np.array_equal(picture, seen[1][name])


def test_a_snapshot_is_the_moment_it_was_taken(robot: SimRobot, cameras: SimCameras) -> None:
    snapshot = robot.snapshot()
    before = cameras.render(snapshot)
    robot.reset(seed=9)
    assert all(np.array_equal(before[n], cameras.render(snapshot)[n]) for n in NAMES)


def test_a_view_for_people_has_its_own_size(robot: SimRobot, cameras: SimCameras) -> None:
    view = cameras.render_view(robot.snapshot(), "third", 320, 200)
    assert view.shape == (200, 320, 3) and view.std() > 20
    assert cameras.render(robot.snapshot())["head"].shape == (224, 224, 3)


@pytest.mark.parametrize(
    ("names", "px", "words"),
    [(["tail"], 224, "valid: 'head'"), (["head"], 8, "32 to 1200"), (["head"], 5000, "32 to 1200")],
)
def test_a_wrong_camera_or_size_lists_what_is_valid(
    built: SimRobot, names: list[str], px: int, words: str
) -> None:
    with pytest.raises(SimulationError, match=words):
        SimCameras(built.model, names, px)


def test_a_machine_that_cannot_draw_says_what_to_install(
    built: SimRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(offscreen, "_LIBRARIES", {"egl": ("libNoSuchEGL.so.1",)})
    with pytest.raises(SimulationError, match="apt install libegl1"):
        SimCameras(built.model, ["head"], 64)
    monkeypatch.setenv("MUJOCO_GL", "vulkan")
    with pytest.raises(SimulationError, match="'egl', 'glfw', 'osmesa'"):
        SimCameras(built.model, ["head"], 64)
