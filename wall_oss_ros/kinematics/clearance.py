"""Distance between the two arms, and of the arms to the body, in a posture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import mujoco
import numpy as np

from wall_oss_ros.kinematics.frames import Frames
from wall_oss_ros.kinematics.kinematic_model import KinematicModel

# Pairs further apart than this are of no interest to anybody [m].
_FAR_M = 10.0


class LeftOut(NamedTuple):
    """A pair of links whose distance is not measured.

    Attributes:
        first: link.
        second: link.
        reason: why, in words.
    """

    first: str
    second: str
    reason: str


class Clearance:
    """The pairs of shapes that must keep apart, and the smallest distance among them.

    A pair is one shape of an arm and one of the other arm or of the body. Three kinds are left out.
    The first two are those of MoveIt's setup assistant: links that one joint connects (their shapes
    overlap at the joint in every posture), and links whose shapes overlap in the home posture (it
    is known to be free of contact, so the shapes are too wide there to tell anything). The third:
    the fingers of one hand against the other hand, for handing over means that both hold one thing
    with their fingers between each other's; the housings of the two hands do keep apart.

    Args:
        kinematic: the model, with shapes.
        frames: its indices.
        home: home position by joint name.

    Attributes:
        pairs: (n, 2) numbers of the geometry.
        left_out: pairs that are not measured.
    """

    def __init__(
        self, kinematic: KinematicModel, frames: Frames, home: Mapping[str, float]
    ) -> None:
        self._model, self._shapes = kinematic.model, kinematic.shapes
        pairs, left_out = [], []
        data = mujoco.MjData(self._model)
        data.qpos[:] = frames.vector(home)
        mujoco.mj_kinematics(self._model, data)
        for pair in combinations(range(len(self._shapes)), 2):
            first, second = (self._shapes[i] for i in pair)
            if first.owner == second.owner:
                continue
            reason = self._reason(data, *pair)
            if reason:
                left_out.append(LeftOut(first.link, second.link, reason))
            else:
                pairs.append(pair)
        self.left_out = tuple(left_out)
        self.pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        self._first, self._second = np.ascontiguousarray(self.pairs.T)
        bounds = self._model.geom_rbound
        self._bounds = bounds[self._first] + bounds[self._second]

    def measure(self, data: mujoco.MjData) -> tuple[float, tuple[str, ...]]:
        """Return the smallest distance [m], negative for overlap, and the two links."""
        if not len(self.pairs):
            return math.inf, ()
        places = data.geom_xpos
        offset = places.take(self._first, axis=0) - places.take(self._second, axis=0)
        # No pair is nearer than its bounding spheres: most need no look.
        bounds = np.sqrt(np.einsum("ij,ij->i", offset, offset)) - self._bounds
        nearest = int(bounds.argmin())
        least = self._distance(data, nearest, _FAR_M)
        nearer = np.flatnonzero(bounds < least)
        for i in nearer[bounds[nearer].argsort()].tolist():
            if bounds[i] >= least:
                break
            if i != nearest and (distance := self._distance(data, i, least)) < least:
                nearest, least = i, distance
        return least, self.links(*self.pairs[nearest])

    def _distance(self, data: mujoco.MjData, pair: int, at_most: float) -> float:
        first, second = self._first[pair], self._second[pair]
        return float(mujoco.mj_geomDistance(self._model, data, first, second, at_most, None))

    def links(self, first: int, second: int) -> tuple[str, str]:
        """Return the links of two shapes."""
        return self._shapes[first].link, self._shapes[second].link

    def _reason(self, data: mujoco.MjData, first: int, second: int) -> str:
        one_shape, other_shape = self._shapes[first], self._shapes[second]
        if "fingers" in (hands := {one_shape.hand, other_shape.hand}) and "" not in hands:
            return "the two hands may hold one thing together"
        weld, parent = self._model.body_weldid, self._model.body_parentid
        one, other = (int(weld[self._model.geom_bodyid[i]]) for i in (first, second))
        if other in (one, int(weld[parent[one]])) or one == int(weld[parent[other]]):
            return "one joint connects them"
        distance = mujoco.mj_geomDistance(self._model, data, first, second, _FAR_M, None)
        if distance <= 0.0:
            return f"their shapes overlap by {-distance:.3f} m in the home posture"
        return ""
