"""How fast motion time passes: ramped to what is wanted, braked to rest where rows end.

The rate is 0 (still) to 1 (as the policy meant it). It is continuous and so is its slope, so that
velocities scaled by it are continuous, and accelerations too. It changes when rows are due, never
where they lead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# A ramp spends a third of its time each on gathering slope, on going on, and on losing it again.
_STEEPEST, _SHARPEST = 1.5, 4.5
# Nearer than this to its end a brake is there [s].
_THERE_S = 1e-9


@dataclass(frozen=True, slots=True)
class _Brake:
    """A cubic from a rate and a slope to rest."""

    rate: float
    slope: float
    duration_s: float
    elapsed_s: float = 0.0

    def state(self, elapsed_s: float) -> tuple[float, float]:
        """Return rate and slope."""
        if elapsed_s >= self.duration_s:
            return 0.0, 0.0
        u, r, s = elapsed_s / self.duration_s, self.rate, self.slope * self.duration_s
        rate = r * (1 + u * u * (2 * u - 3)) + s * u * (1 + u * (u - 2))
        slope = r * 6 * u * (u - 1) + s * (1 + u * (3 * u - 4))
        return max(rate, 0.0), slope / self.duration_s

    def covered_s(self, elapsed_s: float) -> float:
        """Return the motion time that has passed in it [s]."""
        u, r = min(elapsed_s / self.duration_s, 1.0), self.rate
        s = self.slope * self.duration_s
        return self.duration_s * (
            r * u * (1 + u * u * (u / 2 - 1)) + s * u * u * (0.5 + u * (u / 4 - 2 / 3))
        )


class SpeedScale:
    """The rate of motion time, and how it changes.

    Attributes:
        rate: motion time per time, 0 to 1.
        slope: its rate of change [1/s].
    """

    def __init__(self, ramp_s: float, stop_s: float) -> None:
        """Stand still.

        Args:
            ramp_s: time from 0 to 1 or back [s].
            stop_s: time in which it brakes to rest [s].
        """
        self._steepest = _STEEPEST / ramp_s
        self._sharpest = _SHARPEST / (ramp_s * ramp_s)
        # A brake that is called off is undone as sharply as it began.
        self._release = max(self._sharpest, 6.0 / (stop_s * stop_s))
        self._stop_s = stop_s
        self._brake: _Brake | None = None
        self._room_s = math.inf
        self.rate, self.slope = 0.0, 0.0

    def set(self, rate: float) -> None:
        """Take a rate at once, for a robot that stands, or that a join carries over."""
        self.rate, self.slope, self._brake = rate, 0.0, None

    def follow(self, target: float, room_s: float, dt: float) -> float:
        """Ramp towards a rate for a short while; brake in time to be at rest where the room ends.

        Args:
            target: rate to reach, 0 to 1.
            room_s: motion time left before it must be at rest [s]; infinite for no such place.
            dt: for this long [s].

        Returns:
            the motion time that passes [s].
        """
        brake = self._brake
        if brake is not None and abs(room_s - self._room_s) > _THERE_S:
            brake = self._brake = None  # the end moved
        if brake is None:
            before = self.rate, self.slope
            passed_s = self._ramp(target, dt)
            needed_s = _time_to_rest(self.rate, self.slope, room_s - passed_s)
            if passed_s < room_s and needed_s > self._stop_s:
                return passed_s
            self.rate, self.slope = before
            needed_s = _time_to_rest(*before, room_s)
            self._begin(needed_s if needed_s < math.inf else self._stop_s)
        passed_s = self._step(dt)
        self._room_s = room_s - passed_s
        return passed_s

    def brake(self, dt: float) -> float:
        """Come to rest within the stop time, wherever that is; return what passes [s]."""
        if self._brake is None or self._room_s < math.inf:
            self._begin(self._stop_s)
            self._room_s = math.inf
        return self._step(dt)

    def _begin(self, duration_s: float) -> None:
        duration_s = max(duration_s, _THERE_S)
        if self.slope < 0.0:  # longer would go below zero and come back
            duration_s = min(duration_s, max(-3.0 * self.rate / self.slope, _THERE_S))
        self._brake = _Brake(self.rate, self.slope, duration_s)

    def _step(self, dt: float) -> float:
        brake = self._brake
        assert brake is not None
        elapsed_s = brake.elapsed_s + dt
        passed_s = brake.covered_s(elapsed_s) - brake.covered_s(brake.elapsed_s)
        self.rate, self.slope = brake.state(elapsed_s)
        self._brake = _Brake(brake.rate, brake.slope, brake.duration_s, elapsed_s)
        return max(passed_s, 0.0)

    def _ramp(self, target: float, dt: float) -> float:
        """Move rate and slope towards a target within the bounds; return what passes [s]."""
        before, off = self.rate, target - self.rate
        # The slope from which whole steps of `_sharpest` lead to the target exactly.
        sharp = self._sharpest * dt
        steps = math.sqrt(0.25 + 2.0 * abs(off) / (sharp * dt)) - 0.5
        wanted = math.copysign(min(self._steepest, sharp * steps, abs(off) / dt), off)
        released = self.slope * wanted < 0.0 or abs(self.slope) > self._steepest
        most = (self._release if released else self._sharpest) * dt
        slope = self.slope + min(max(wanted - self.slope, -most), most)
        rate = before + slope * dt
        if abs(target - rate) < 1e-9 and abs(slope) <= most:
            rate, slope = target, 0.0
        if not 0.0 < rate < 1.0:
            rate, slope = min(max(rate, 0.0), 1.0), 0.0
        self.rate, self.slope = rate, slope
        return dt * (before + rate) / 2


def _time_to_rest(rate: float, slope: float, room_s: float) -> float:
    """Return how long a `_Brake` lasts that ends after `room_s` of motion time.

    From ``rate T / 2 + slope T^2 / 12 = room_s``; infinite where it comes to rest before anyway.
    """
    if room_s == math.inf:
        return math.inf
    inner = rate * rate / 4 + slope * room_s / 3
    if inner < 0.0:
        return math.inf
    below = rate / 2 + math.sqrt(inner)
    return 2 * room_s / below if below > 0.0 else math.inf
