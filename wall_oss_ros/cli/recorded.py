"""A simulated run as an episode: started, stopped and labelled as the scene's rubric says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.ros.conductor import Conductor
from wall_oss_ros.srv import StartEpisode, StopEpisode

_RECORDER = "episode_recorder"
_FINISHING_S = 60.0


@contextlib.contextmanager
def recorded(conductor: Conductor, wanted: bool) -> Iterator[None]:
    """Record what happens meanwhile, if that is wanted.

    An interrupted run is finished by the recorder itself, unlabelled, when the graph ends.

    Raises:
        BringUpError: if the recorder refuses.
    """
    if not wanted:
        yield
        return
    scene = conductor.task
    request = StartEpisode.Request(
        instruction=scene.instruction, notes=f"task {scene.task}, seed {scene.seed}"
    )
    _call(conductor, "start", (StartEpisode, request))
    yield
    task = conductor.task
    stop = StopEpisode.Request(
        outcome="success" if task.success else "failure",
        progress=task.progress / 100.0,
        notes=", ".join(task.milestones),
    )
    print(_call(conductor, "stop", (StopEpisode, stop)), flush=True)


def _call(conductor: Conductor, what: str, request: object) -> str:
    answer = conductor.call(f"{_RECORDER}/{what}", request, _FINISHING_S)
    if not answer.success:
        raise BringUpError(f"the episode recorder says: {answer.message}")
    return str(answer.message)
