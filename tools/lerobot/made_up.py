"""Episodes that both sides make for themselves, so that they know what went in. Only numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FPS = 30
SIZE = 224
CAMERAS = tuple(f"observation.images.{c}" for c in ("face_view", "left_wrist_view", "right_view"))
# The last has one dimension, which the format treats as a case of its own.
DIMENSIONS = {"observation.state": 26, "action": 26, "one": 1}
# Length and task.
EPISODES = ((90, "pick up the red cube"), (33, "place the cube"), (61, "pick up the red cube"))
# Of 255 levels: how far a picture may be from what was written, in the mean over its pixels.
# Pictures that follow each other differ by more than twice as much.
MEAN_ERROR = 4.0


def picture(camera: str, episode: int, place: int) -> NDArray[np.uint8]:
    """Return a scene that moves, with soft and with sharp edges; (SIZE, SIZE, 3) RGB."""
    number = CAMERAS.index(camera)
    down, right = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    phase = number + 2.0 * episode + place / 4
    waves = [np.sin(9 * right + phase), np.cos(7 * down - right - phase), np.sin(5 * down + phase)]
    scene = 128 + 60 * np.stack(waves, axis=-1)
    corner = 20 + (3 * place + 40 * number) % 120
    scene[corner : corner + 50, 60:130] = (200, 40 + 30 * episode, 40)
    return scene.astype(np.uint8)


def vector(key: str, episode: int, place: int) -> NDArray[np.float32]:
    """Return the values of a feature, (D,)."""
    draw = np.random.default_rng([list(DIMENSIONS).index(key), episode, place])
    return draw.normal(size=DIMENSIONS[key]).astype(np.float32)


def names(key: str) -> tuple[str, ...]:
    """Return the names of a feature's dimensions."""
    return tuple(f"{key}_{number}" for number in range(DIMENSIONS[key]))
