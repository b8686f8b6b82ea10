"""The web view as one object: page, robot, panel, and the gate before them."""

from __future__ import annotations

import contextlib
import io
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import viser
from numpy.typing import NDArray

from wall_oss_ros.core.drawing import Mark
from wall_oss_ros.core.settings import SettingError
from wall_oss_ros.core.view.access import checked_token, is_loopback
from wall_oss_ros.core.view.history import History
from wall_oss_ros.core.view.orders import Ask
from wall_oss_ros.core.view.settings import WebViewSettings
from wall_oss_ros.core.view.snapshot import Snapshot
from wall_oss_ros.kinematics.robot_drawing import RobotDrawing
from wall_oss_ros.view.gate import Gate
from wall_oss_ros.view.panel import Panel
from wall_oss_ros.view.robot_scene import RobotScene


class WebPage:
    """Serves from its making to `close`. `show` and the like are for one thread.

    Attributes:
        address: to open in a browser, with the token if there is one.
        scene: the robot.
        panel: beside it.
    """

    def __init__(
        self, settings: WebViewSettings, ask: Ask, histories: Mapping[str, History], title: str
    ) -> None:
        """Serve.

        Args:
            settings: address and limits.
            ask: takes what a person asks, on any thread.
            histories: figures to plot, by title.
            title: of the panel.

        Raises:
            SettingError: if a token is wrong.
            BringUpError: if no port can be had.
        """
        token = _token(settings)
        # Somewhere in 127.0.0.0/8, where a page of another site would not find it.
        hidden = "127." + ".".join(str(1 + secrets.randbelow(254)) for _ in range(3))
        with _quiet():
            self._server = viser.ViserServer(host=hidden, port=0, label=title, verbose=False)
        try:
            self._lay_out(ask, histories)
            self._gate = Gate(settings, token, (hidden, self._server.get_port()))
            self._gate.start()
        except BaseException:
            with _quiet():
                self._server.stop()
            raise
        name = "localhost" if is_loopback(settings.host) else settings.host
        name = socket.gethostname() if name in ("0.0.0.0", "::") else name
        query = f"/?token={token}" if token else "/"
        self.address = f"http://{name}:{self._gate.port}{query}"

    def _lay_out(self, ask: Ask, histories: Mapping[str, History]) -> None:
        # viser offers every browser to publish the page on the internet. This robot is not.
        self._server.request_share_url = lambda verbose=True: None
        self._server.gui.configure_theme(
            dark_mode=True, show_logo=False, show_share_button=False, control_width="large"
        )
        # The arms from the front right, left of the middle: the panel covers the right.
        self._server.initial_camera.position = (1.5, -0.55, 1.4)
        self._server.initial_camera.look_at = (0.3, 0.27, 0.82)
        self.scene = RobotScene(self._server)
        self.panel = Panel(self._server, ask, dict(histories))

    @property
    def browsers(self) -> int:
        """How many look."""
        return len(self._server.get_clients())

    def build(self, drawing: RobotDrawing) -> None:
        """Draw the robot; takes a while, and may be done on a thread of its own."""
        self.panel.say_lacks(self.scene.build(drawing))

    def show(
        self, snapshot: Snapshot, positions: Mapping[str, float], marks: Sequence[Mark] | None
    ) -> None:
        """Show the robot at its joints, and, where marks are given, these and the state."""
        with self._server.atomic():
            self.scene.move(positions)
            if marks is not None:
                self.scene.mark(marks)
        if marks is not None:
            self.panel.show(snapshot)

    def show_picture(
        self, name: str, pixels: NDArray[np.uint8], most_px: int, quality: int
    ) -> None:
        """Show a camera's picture (h, w, 3), thinned to `most_px` columns at most."""
        every = -(-pixels.shape[1] // most_px)
        self.panel.show_picture(name, np.ascontiguousarray(pixels[::every, ::every]), quality)

    def close(self) -> None:
        """Serve no more."""
        self._gate.close()
        with _quiet():
            self._server.stop()


def _token(settings: WebViewSettings) -> str | None:
    """Return what must be known to look; None on loopback, unless asked for.

    Raises:
        SettingError: if the given one cannot be used.
    """
    if settings.token_file:
        path = Path(settings.token_file).expanduser()
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise SettingError(f"token_file '{path}' cannot be read: {error.strerror}") from None
        return checked_token(lines[0] if lines else "", f"'{path}'")
    if settings.token == "auto" and is_loopback(settings.host):
        return None
    return secrets.token_urlsafe(24)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep viser's own lines away: they name the address behind the gate."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
