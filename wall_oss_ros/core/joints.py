"""Joint states by name: a message's order and extra joints never matter, a missing joint does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wall_oss_ros.core.errors import MessageError, choices
from wall_oss_ros.core.observation import JointSample


class JointSelector:
    """Picks the contract's joints out of joint-state messages."""

    def __init__(self, joint_names: Sequence[str]) -> None:
        self._wanted = tuple(joint_names)
        self._layout: tuple[str, ...] = ()
        self._indices: list[int] = []

    def select(
        self,
        stamp_ns: int,
        names: Sequence[str],
        positions: Sequence[float],
        velocities: Sequence[float],
    ) -> JointSample:
        """Return the wanted joints in the wanted order.

        Args:
            stamp_ns: stamp of the message [ns].
            names: joint names of the message.
            positions: [rad] or [m], one per name.
            velocities: [rad/s] or [m/s], one per name.

        Raises:
            MessageError: a joint is missing or named twice, an array has another length than
                `names`, or a wanted number is not finite.
        """
        layout = tuple(names)
        if layout != self._layout:
            self._indices = self._find(layout)
            self._layout = layout
        if len(positions) != len(layout) or len(velocities) != len(layout):
            raise MessageError(
                f"joint states: {len(layout)} names, {len(positions)} positions and "
                f"{len(velocities)} velocities; expected one of each per name"
            )
        position = np.asarray(positions, np.float64)[self._indices]
        velocity = np.asarray(velocities, np.float64)[self._indices]
        for what, values in (("position", position), ("velocity", velocity)):
            if not np.all(np.isfinite(values)):
                bad = self._wanted[int(np.flatnonzero(~np.isfinite(values))[0])]
                raise MessageError(f"joint states: {what} of '{bad}' is not finite")
        return JointSample(stamp_ns, self._wanted, position, velocity)

    def _find(self, layout: tuple[str, ...]) -> list[int]:
        missing = [name for name in self._wanted if name not in layout]
        if missing:
            raise MessageError(
                f"joint states lack {choices(missing)}; they have {choices(layout)}; the joint "
                "names of the robot contract must be those the robot publishes"
            )
        twice = [name for name in self._wanted if layout.count(name) > 1]
        if twice:
            raise MessageError(f"joint states name {choices(twice)} twice")
        return [layout.index(name) for name in self._wanted]
