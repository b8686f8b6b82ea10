"""Films an episode of the lockstep loop: five pictures a second of simulated time."""

from __future__ import annotations

from pathlib import Path

from wall_oss_ros.sim.cameras import SimCameras
from wall_oss_ros.sim.film import FILM_SIZE, Film
from wall_oss_ros.sim.robot import SimRobot
from wall_oss_ros.sim.scene import THIRD_VIEW


class Spectator:
    """Looks at one episode from outside.

    Args:
        cameras: of the simulator.
        file: of the film, a WebP.

    Raises:
        SimulationError: if its folder cannot be made, or Pillow is missing.
    """

    def __init__(self, cameras: SimCameras, file: Path) -> None:
        self._cameras, self._film = cameras, Film(file)

    def watch(self, robot: SimRobot) -> None:
        """Take a picture if it is time for one."""
        if self._film.wants(robot.time_ns):
            view = self._cameras.render_view(robot.snapshot(), THIRD_VIEW, *FILM_SIZE)
            self._film.add(robot.time_ns, view)

    def save(self) -> None:
        """Write the film."""
        self._film.save()
