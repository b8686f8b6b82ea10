"""Pins: pictures are taken at even times; one that is late is left out, or waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from wall_oss_ros.sim.shutter import Shutter

STEP, PERIOD = 5_000_000, 100_000_000
PATIENCE_S = 20.0


class Scene:
    """A shutter whose pictures take as long as the test says."""

    def __init__(self, every_one: bool) -> None:
        self.now_ns = 0
        self.drawn: list[int] = []
        self.errors: list[BaseException] = []
        self.free = threading.Event()
        self.free.set()
        self.shutter = Shutter(0.1, self.errors.append, every_one=every_one)
        self.shutter.start(lambda: self.drawn.append(-1), PATIENCE_S)
        self.shutter.begin(0)

    def picture(self):
        stamp = self.now_ns

        def draw() -> None:
            assert self.free.wait(PATIENCE_S)
            self.drawn.append(stamp)

        return draw

    def take(self) -> int:
        return self.shutter.take(self.now_ns, self.picture)

    def live(self, steps: int) -> None:
        """Let time go on as the simulator does, unless a picture that is not drawn stops it."""
        end_ns = self.now_ns + steps * STEP
        pause = threading.Event()
        while self.now_ns < end_ns and (self.take() > 0 or self.free.is_set()):
            if self.take() > 0:
                self.now_ns += STEP
            else:
                pause.wait(0.001)

    def wait_for(self, count: int, what: list | None = None) -> None:
        """Wait for so many pictures, or errors."""
        what = self.drawn if what is None else what
        pause = threading.Event()
        for _ in range(int(PATIENCE_S / 0.01)):
            if len(what) >= count:
                return
            pause.wait(0.01)
        pytest.fail(f"{len(what)} instead of {count}")


@pytest.fixture
def scene() -> Iterator[type[Scene]]:
    made: list[Scene] = []

    def make(every_one: bool) -> Scene:
        made.append(Scene(every_one))
        return made[-1]

    yield make
    for each in made:
        each.free.set()
        each.shutter.stop()


@pytest.mark.parametrize("every_one", [False, True])
def test_what_is_drawn_first_is_over_when_it_has_started_and_pictures_are_even(scene, every_one):
    running = scene(every_one)
    assert running.drawn == [-1]
    for count in range(1, 6):
        running.live(20)
        running.wait_for(1 + count)
    assert running.drawn[1:] == [0, PERIOD, 2 * PERIOD, 3 * PERIOD, 4 * PERIOD]


def test_a_picture_that_is_late_is_left_out_where_time_goes_on(scene):
    running = scene(False)
    running.free.clear()
    running.live(50)  # the first is being drawn for 0.25 s
    assert running.now_ns == 50 * STEP
    running.free.set()
    running.wait_for(2)
    running.live(20)
    running.wait_for(3)
    assert running.drawn[1:] == [0, 3 * PERIOD]


def test_time_stands_still_for_it_where_every_one_is_wanted(scene):
    running = scene(True)
    running.free.clear()
    running.live(50)
    assert running.now_ns == PERIOD  # the next cannot be begun
    assert running.take() == 0
    running.free.set()
    for count in range(1, 4):
        running.wait_for(1 + count)
        running.live(20)
    assert running.drawn[1:4] == [0, PERIOD, 2 * PERIOD]


def test_an_error_while_drawing_is_told_once(scene):
    running = scene(True)

    def fail() -> None:
        raise RuntimeError("no display")

    running.shutter.take(0, lambda: fail)
    running.wait_for(1, running.errors)
    running.shutter.stop()
    assert [str(error) for error in running.errors] == ["no display"]


def test_stopping_twice_and_starting_again_works(scene):
    running = scene(True)
    running.shutter.stop()
    running.shutter.stop()
    running.shutter.start(lambda: running.drawn.append(-2), PATIENCE_S)
    assert running.drawn == [-1, -2]
