"""Other light and other colours of the same scene, so that a policy does not learn one rendering.

Changes a compiled world in place; its renderers show it with their next picture. What things are
and where they stand stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.sim.scene import CUBE_COLOURS, TRAY, cube_name

# Brightness of every light and of the surroundings, as a factor.
_BRIGHTNESS = (0.7, 1.25)
# How far the direction of a light is turned, as the standard deviation of each component.
_TURNED = 0.15
# How far each component of a colour goes, of 0 to 1: a cube stays the colour that it is called.
_SURFACE, _CUBE = 0.07, 0.05
_SURFACES = ("wood", "steel", "tiles", TRAY)


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Light and colours of a world.

    Attributes:
        ambient: (3,) of the headlight.
        headlight: (3,) diffuse, of the headlight.
        diffuse: (nlight, 3).
        directions: (nlight, 3).
        colours: (nmat, 4) RGBA of every material.
    """

    ambient: NDArray[np.float64]
    headlight: NDArray[np.float64]
    diffuse: NDArray[np.float64]
    directions: NDArray[np.float64]
    colours: NDArray[np.float64]

    @classmethod
    def of(cls, model: mujoco.MjModel) -> Appearance:
        """Return how a world looks now."""
        lamp = model.vis.headlight
        return cls(
            np.array(lamp.ambient, np.float64),
            np.array(lamp.diffuse, np.float64),
            np.array(model.light_diffuse, np.float64),
            np.array(model.light_dir, np.float64),
            np.array(model.mat_rgba, np.float64),
        )

    def apply(self, model: mujoco.MjModel) -> None:
        """Make a world look like this; it must be of the same scene."""
        model.vis.headlight.ambient[:] = self.ambient
        model.vis.headlight.diffuse[:] = self.headlight
        model.light_diffuse[:] = self.diffuse
        model.light_dir[:] = self.directions
        model.mat_rgba[:] = self.colours

    def varied(self, model: mujoco.MjModel, rng: np.random.Generator) -> Appearance:
        """Return another one near this one.

        Args:
            model: whose materials these are.
            rng: draws it.
        """
        colours = self.colours.copy()
        spreads = {cube_name(colour): _CUBE for colour in CUBE_COLOURS}
        spreads |= dict.fromkeys(_SURFACES, _SURFACE)
        for name, spread in spreads.items():
            place = model.material(name).id
            colours[place, :3] += rng.uniform(-spread, spread, 3)
        turned = self.directions + rng.normal(0.0, _TURNED, self.directions.shape)
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        return Appearance(
            self.ambient * rng.uniform(*_BRIGHTNESS),
            self.headlight * rng.uniform(*_BRIGHTNESS),
            self.diffuse * rng.uniform(*_BRIGHTNESS, size=(len(self.diffuse), 1)),
            turned,
            colours.clip(0.0, 1.0),
        )
