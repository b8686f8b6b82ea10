"""When pictures are taken, and the thread that draws them, one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wall_oss_ros.core.pacing import SECOND_NS, Tempo


class Shutter:
    """Draws at an even rate, on a thread of its own, to which the GL context belongs.

    Attributes:
        tempo: how fast simulated time may pass for pictures to come as soon as a camera's would.
    """

    def __init__(
        self, period_s: float, on_error: Callable[[BaseException], None], *, every_one: bool
    ) -> None:
        """Create a thread that is not yet started.

        Args:
            period_s: between two pictures of a camera [s].
            on_error: called once, on the thread, with what ended it.
            every_one: whether a picture that is due while the last is being drawn is taken later,
                and time stands still until then; otherwise it is left out.
        """
        self._period_ns = round(period_s * SECOND_NS)
        self._on_error, self._every_one = on_error, every_one
        self.tempo = Tempo()
        self._next_ns = 0
        self._changed = threading.Condition()
        self._waiting: Callable[[], None] | None = None
        self._drawing = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self, draw: Callable[[], None], patience_s: float) -> None:
        """Start the thread and let it draw something first: meshes load for seconds.

        Args:
            draw: called on the thread.
            patience_s: for how long that is waited for [s].
        """
        self._waiting, self._drawing, self._stopping = draw, False, False
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: not self._busy, patience_s)

    def begin(self, now_ns: int) -> None:
        """Let the first picture be due now, at tempo 1."""
        self._next_ns = now_ns
        self.tempo = Tempo()

    def stop(self) -> None:
        """Wait for what is being drawn, then end the thread; safe to call twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def take(self, now_ns: int, picture: Callable[[], Callable[[], None]]) -> int:
        """Begin a picture if one is due and nothing is being drawn.

        Args:
            now_ns: time of the cameras [ns].
            picture: returns what draws this moment, for the thread to call.

        Returns:
            How far time may go on [ns]: to the next picture; 0 while this one cannot be begun.
        """
        if now_ns < self._next_ns:
            return self._next_ns - now_ns
        with self._changed:
            if self._busy and self._every_one:
                return 0
            if not self._busy:
                self._waiting = picture()
                self._changed.notify_all()
        self._next_ns += ((now_ns - self._next_ns) // self._period_ns + 1) * self._period_ns
        return self._next_ns - now_ns

    @property
    def _busy(self) -> bool:
        return self._drawing or self._waiting is not None

    def _run(self) -> None:
        try:
            while (draw := self._next()) is not None:
                begin_ns = time.monotonic_ns()
                draw()
                self.tempo.drawn(time.monotonic_ns() - begin_ns)
        except BaseException as error:  # reported, never swallowed: nothing is drawn any more
            self._on_error(error)
        finally:
            with self._changed:
                self._drawing = False
                self._changed.notify_all()

    def _next(self) -> Callable[[], None] | None:
        """Return what is to be drawn next; None at the end."""
        with self._changed:
            self._drawing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopping or self._waiting is not None)
            if self._stopping:
                return None
            draw, self._waiting, self._drawing = self._waiting, None, True
            return draw
