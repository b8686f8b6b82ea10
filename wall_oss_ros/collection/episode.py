"""One demonstration in simulation, from a seed to a shard of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.collection.demonstrator import (
    GROUND_TRUTH_NAMES,
    Demonstrator,
    Shown,
    ground_truth,
)
from wall_oss_ros.collection.disturbance import DisturbanceSettings, draw_disturbances
from wall_oss_ros.collection.glances import glance
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import DatasetError, choices
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.shard_writer import ShardWriter
from wall_oss_ros.data.training_config import (
    ACTION_KEY,
    DISTURBED_KEY,
    GROUND_TRUTH_KEY,
    IMAGE_PREFIX,
    STATE_KEY,
)
from wall_oss_ros.data.video import VideoCodec
from wall_oss_ros.policies.subtasks import next_step
from wall_oss_ros.sim.appearance import Appearance
from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.lockstep import Lockstep
from wall_oss_ros.sim.robot import SimRobot
from wall_oss_ros.sim.tasks import plan_task

# The policy, in a dataset's list of sources, of episodes in which nothing is done.
GLANCES = "none, glances"
# Of a seed's streams of random numbers: the simulator takes the seed itself.
_LOOKS, _PUSHES, _WORDS, _LATENCY, _GLANCES = 1, 2, 3, 4, 5
# Commands arrive this late after the pictures [s], as a model would need.
_LATENCY_S = (0.03, 0.15)
# An instruction in other words, where "{rest}" is what follows "pick up" in the task's own.
_PICK = "pick up "
_OTHER_WORDS = ("lift {rest}", "grab {rest}", "Pick up {rest}.", "please pick up {rest}")
_OWN_WORDS = 0.6  # share of the episodes with the task's own words


@dataclass(frozen=True, slots=True)
class CollectSettings:
    """What demonstrations are like.

    Attributes:
        task: of the simulator.
        image_size: pictures [px].
        cameras: the model's names of the pictures that are taken; none for all.
        limit_s: an episode that takes longer has failed.
        varied: whether light and colours differ from episode to episode.
        glances: share of the moments that are shown once more above another scene, see `glances`.
        disturbance: of both tools.
        codec: how pictures are encoded.
    """

    task: str = "pick_cube"
    image_size: int = 224
    cameras: tuple[str, ...] = ()
    limit_s: float = 20.0
    varied: bool = True
    glances: float = 0.0
    disturbance: DisturbanceSettings = field(default_factory=DisturbanceSettings)
    codec: VideoCodec = field(default_factory=VideoCodec)


def frame_contract(contract: RobotContract, labels: tuple[str, ...] = ()) -> RobotContract:
    """Return a robot whose cameras give a picture for every row of actions.

    A frame of the dataset is one row; a camera at half the rate would give every other frame an
    old picture.

    Args:
        contract: the robot.
        labels: the model's names of the cameras that it keeps; none for all.

    Raises:
        DatasetError: for a name that no camera has.
    """
    there = [camera.label for camera in contract.cameras.values()]
    for label in labels:
        if label not in there:
            raise DatasetError(f"no camera '{label}'; valid: {choices(there)}")
    rate = 1.0 / contract.action.dt
    cameras = {
        name: replace(camera, rate=rate)
        for name, camera in contract.cameras.items()
        if not labels or camera.label in labels
    }
    return replace(contract, cameras=cameras)


class Collector:
    """Makes demonstrations one after the other; one process, one thread.

    Args:
        contract: the robot.
        settings: of all of them.

    Raises:
        SimulationError: if the simulator cannot be built or drawn.
        DatasetError: for an unknown camera.
    """

    def __init__(self, contract: RobotContract, settings: CollectSettings) -> None:
        self._contract = frame_contract(contract, settings.cameras)
        self._settings = settings
        self._robot = SimRobot(self._contract, task=settings.task)
        self._looks = Appearance.of(self._robot.model)
        self._cameras = SimCameras(
            self._robot.model, tuple(self._contract.cameras), settings.image_size
        )
        names = dimension_names()
        size = (settings.image_size, settings.image_size)
        self.format = DatasetFormat(
            fps=round(1.0 / self._contract.action.dt),
            robot_type=self._contract.name,
            cameras={IMAGE_PREFIX + c.label: size for c in self._contract.cameras.values()},
            vectors={
                STATE_KEY: names,
                ACTION_KEY: names,
                GROUND_TRUTH_KEY: GROUND_TRUTH_NAMES,
                DISTURBED_KEY: ("disturbed",),
            },
            subtasks=True,
        )

    def collect(
        self, seed: int, folder: Path, progress: Callable[[int], None] = lambda frames: None
    ) -> int:
        """Make the demonstration of a seed.

        Args:
            seed: of scene, light, disturbances and words.
            folder: of its shard.
            progress: called with the number of frames that are new.

        Returns:
            The number of frames; 0 if the expert failed, and there is no shard then.

        Raises:
            DatasetError: if the shard cannot be written.
        """
        settings, robot = self._settings, self._robot
        robot.reset(task=settings.task, seed=seed)
        looks = self._looks
        if settings.varied:
            looks = looks.varied(robot.model, np.random.default_rng((seed, _LOOKS)))
        looks.apply(robot.model)
        words = in_other_words(
            robot.task_state().instruction, np.random.default_rng((seed, _WORDS))
        )
        writer = ShardWriter(folder, self.format, codec=settings.codec)
        rng = np.random.default_rng((seed, _GLANCES))
        asked = in_other_words(plan_task(settings.task, rng).instruction, rng)
        glances = None
        if settings.glances:
            glances = ShardWriter(glances_of(folder), self.format, codec=settings.codec)

        def show(moment: Shown) -> None:
            writer.add(*_frame(moment))
            if glances is not None and rng.random() < settings.glances:
                other = self._glance(moment, asked, looks, rng)
                if other is not None:
                    glances.add(*_frame(other))
            progress(1)

        pushes = np.random.default_rng((seed, _PUSHES))
        expert = Demonstrator(
            self._contract,
            draw_disturbances(pushes, settings.disturbance, settings.limit_s, self._contract.arms),
            show,
        )
        loop = Lockstep(
            self._contract,
            robot,
            expert,
            latency_s=float(np.random.default_rng((seed, _LATENCY)).uniform(*_LATENCY_S)),
            render=self._cameras.render,
            look_ahead=False,
        )
        state = loop.run(words, settings.limit_s)
        if not state.success:
            writer.discard()
            if glances is not None:
                glances.discard()
            return 0
        source = {
            "simulator": self._contract.name,
            "task": settings.task,
            "seed": str(seed),
            "outcome": "success",
            "progress": f"{state.progress / 100.0:g}",
            "policy": "scripted",
            "actions": "absolute",
        }
        if glances is not None and glances.length:
            nothing_done = {"policy": GLANCES, "outcome": "unlabelled", "progress": ""}
            glances.finish(asked, source | nothing_done)
        elif glances is not None:
            glances.discard()
        writer.finish(words, source)
        return writer.length

    def _glance(
        self, moment: Shown, asked: str, looks: Appearance, rng: np.random.Generator
    ) -> Shown | None:
        """Return a moment above another scene, as `glances.glance` does; its action is to stay."""
        found = glance(self._robot, moment.observation, rng)
        if found is None:
            return None
        snapshot, truth = found
        model = self._robot.model
        if self._settings.varied:
            self._looks.varied(model, rng).apply(model)
        try:
            pictures = self._cameras.render(snapshot)
        finally:
            looks.apply(model)
        seen = moment.observation
        cameras = tuple(replace(each, pixels=pictures[each.name]) for each in seen.cameras)
        step = next_step(asked, truth)
        return Shown(
            replace(seen, cameras=cameras), seen.state, ground_truth(truth, step), True, step
        )


def glances_of(folder: Path) -> Path:
    """Return the folder of the glances beside a demonstration's shard."""
    return folder.with_name(f"{folder.name}_glances")


def in_other_words(instruction: str, rng: np.random.Generator) -> str:
    """Return an instruction that means the same; most often it is the same."""
    if not instruction.startswith(_PICK) or rng.random() < _OWN_WORDS:
        return instruction
    words = _OTHER_WORDS[int(rng.integers(len(_OTHER_WORDS)))]
    return words.format(rest=instruction.removeprefix(_PICK))


def _frame(
    moment: Shown,
) -> tuple[Mapping[str, NDArray[np.uint8]], Mapping[str, NDArray[np.float32]], str]:
    seen = moment.observation
    images = {IMAGE_PREFIX + camera.label: camera.pixels for camera in seen.cameras}
    vectors = {
        STATE_KEY: seen.state.astype(np.float32),
        ACTION_KEY: moment.action.astype(np.float32),
        GROUND_TRUTH_KEY: moment.truth.astype(np.float32),
        DISTURBED_KEY: np.array([moment.disturbed], np.float32),
    }
    return images, vectors, moment.subtask
