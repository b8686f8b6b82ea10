"""The web view as a person sees it: a real browser, real processes, the robot in motion.

What docs/view.md promises of wrong tokens is in test/nodes/test_web_view.py.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wall_oss_ros.bringup.graph import missing_for_viewing
from wall_oss_ros.cli.bench.browser import looking
from wall_oss_ros.cli.bench.monitor import WATCHED
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.cli.bench.stage import exercising
from wall_oss_ros.core.safety import Mode

if missing_for_viewing():
    pytest.skip(missing_for_viewing(), allow_module_level=True)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="no playwright: `make test` installs it"
)
msgspec = pytest.importorskip("msgspec")
from websockets.exceptions import ConnectionClosed  # noqa: E402  viser needs them, too

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
if CHROMIUM is None:
    pytest.skip(f"no browser ({', '.join(NAMES)}): apt install chromium", allow_module_level=True)

pytestmark = pytest.mark.system

# Drawn in software, and without asking the internet for anything.
FLAGS = [
    *("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    *("--ignore-gpu-blocklist", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Few pixels: in software each of them costs.
VIEWPORT = {"width": 860, "height": 480}
PATIENCE_MS = 90_000


@pytest.fixture(scope="module")
def rig(no_process_left, patient, tmp_path_factory) -> Iterator[Rig]:
    """Return a graph in motion, with the view."""
    log = tmp_path_factory.mktemp("view") / "nodes.log"
    arguments = {"image_size": "64", "view": "true", "record": "true"}
    arguments["episodes"] = str(log.parent / "episodes")
    parameters = {**patient, "web_view": {"port": 0, "rate": 5.0, "picture_rate": 1.0}}
    with exercising(
        WATCHED, arguments=arguments, parameters=parameters, node_log=str(log)
    ) as running:
        running.view_log = log
        yield running


@pytest.fixture(scope="module")
def address(rig: Rig) -> str:
    """Return what the node printed."""
    return re.search(r"web view: (http\S+)", rig.view_log.read_text())[1]


@pytest.fixture(scope="module")
def niced(tmp_path_factory) -> str:
    """Return a browser that leaves the processor to the robot.

    Its drawing process gives itself a higher priority than everybody's where it may, as under root.
    """
    modest = (
        "setpriv --inh-caps=-sys_nice --bounding-set=-sys_nice " if shutil.which("setpriv") else ""
    )
    script = tmp_path_factory.mktemp("browser") / "chromium"
    script.write_text(f'#!/bin/sh\nexec nice -n 10 {modest}{CHROMIUM} "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture(scope="module")
def open_browser(niced: str) -> Iterator[Callable[..., Any]]:
    """Return what starts a browser, with more arguments for `launch`."""
    with playwright.sync_playwright() as play:
        opened: list[Any] = []

        def launch(**given: Any) -> Any:
            opened.append(play.chromium.launch(executable_path=niced, args=FLAGS, **given))
            return opened[-1]

        yield launch
        for browser in opened:
            browser.close()


class Page:
    """A page of the view, as a person uses it."""

    def __init__(self, browser: Any, address: str, folder: Path) -> None:
        self.folder = folder
        self.page = browser.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto(address)
        self.button("E-STOP").wait_for()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).click()

    def press_until(self, name: str, condition: Callable[[], Any], what: str) -> None:
        """Press again when nothing has come of it, as when the robot was not ready for it."""

        def pressed_again() -> bool:
            self.press(name)
            self.page.wait_for_timeout(1500)
            return bool(condition())

        self.until(pressed_again, what)

    def tell(self, text: str) -> None:
        self.page.get_by_role("textbox").first.fill(text)
        # The page sends what was typed a moment later; the button says what has arrived.
        self.page.wait_for_timeout(300)
        self.press("Tell the robot")

    def sees(self, words: str) -> None:
        self.page.get_by_text(words).first.wait_for()

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = 90.0) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end:
                self.page.screenshot(path=str(self.folder / "failed.png"))
                pytest.fail(f"{what} was not seen within {timeout_s} s: {self.folder}/failed.png")
            self.page.wait_for_timeout(100)

    @property
    def pictures(self) -> Any:
        return self.page.locator('img[src^="blob:"]')

    def picture(self) -> str:
        return self.pictures.first.get_attribute("src") or ""

    def canvas(self) -> np.ndarray:
        """Return what is left of the panel, below what viser says, (h, w, 3)."""
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        width, height = shot.size
        return np.asarray(shot)[height // 3 :, : width // 2].astype(int)

    def coloured(self) -> int:
        """Count pixels in the colours of a chunk or a plan; robot and floor are grey."""
        red, green, blue = np.moveaxis(self.canvas(), -1, 0)
        return int(((red - blue > 60) | (blue - red > 60)).sum())


@pytest.fixture(scope="module")
def person(open_browser, address: str, tmp_path_factory) -> Page:
    """Return the page of somebody who looks all the time."""
    browser = open_browser().new_context(viewport=VIEWPORT, device_scale_factor=0.5)
    return Page(browser, address, tmp_path_factory.mktemp("person"))


@pytest.fixture
def moving(rig: Rig) -> Rig:
    """Return the graph with motion enabled."""
    rig.set_in_motion()
    return rig


def stopped(rig: Rig) -> bool:
    return rig.safety.mode == Mode.ESTOP


def test_a_person_sees_the_robot_tells_it_something_stops_it_and_resets_it(
    moving: Rig, person: Page, tmp_path: Path
) -> None:
    rig = moving
    person.sees("moves")
    person.until(lambda: person.pictures.count() == 3, "a picture of each camera")
    first = person.picture()
    person.until(lambda: person.picture() != first, "another picture")
    person.until(lambda: person.coloured() > 20, "a chunk")
    before = person.canvas()
    person.until(lambda: (abs(person.canvas() - before) > 40).sum() > 100, "motion")
    person.page.screenshot(path=str(tmp_path / "moving.png"))

    person.tell("wave to the visitors")
    person.sees("told: wave to the visitors")
    policy = rig.conductor.seen
    rig.conductor.wait_for(
        lambda: policy.policy.instruction == "wave to the visitors", 10.0, "the instruction"
    )
    person.press("Reset e-stop")
    person.sees("there is no e-stop to reset")

    person.press("E-STOP")
    person.until(lambda: stopped(rig), "the e-stop at the supervisor")
    person.sees("EMERGENCY STOP")
    person.sees("Service ~/estop was called")
    rig.await_rest()
    person.page.screenshot(path=str(tmp_path / "stopped.png"))
    person.press("Enable motion")
    person.sees("reset it first")
    person.until(lambda: rig.safety.reset_possible, "the robot at rest")
    person.press_until("Reset e-stop", lambda: not stopped(rig), "the reset at the supervisor")
    person.sees("motion must be enabled")
    person.press_until("Enable motion", lambda: rig.safety.motion_enabled, "motion")


def test_an_episode_is_recorded_from_the_browser(moving: Rig, person: Page) -> None:
    person.page.get_by_text("Recording", exact=True).click()
    person.press("Start")
    person.sees("recording /")
    person.press("Stop with this label")
    person.sees("recorded /")
    person.page.get_by_text("Recording", exact=True).click()


def test_two_browsers_see_the_same_robot_and_either_may_stop_it(
    moving: Rig, person: Page, address: str, tmp_path: Path
) -> None:
    # A context of its own is another browser for the server: nothing is shared with the first.
    with contextlib.closing(
        person.page.context.browser.new_context(viewport=VIEWPORT, device_scale_factor=0.1)
    ) as browser:
        other = Page(browser, address, tmp_path)
        other.sees("moves")
        person.press("E-STOP")
        other.sees("EMERGENCY STOP")
        other.until(lambda: moving.safety.reset_possible, "the robot at rest")
        other.press_until("Reset e-stop", lambda: not stopped(moving), "the reset")
        person.sees("motion must be enabled")


def test_a_browser_that_is_killed_in_the_middle_changes_nothing_but_what_it_asked(
    moving: Rig, person: Page, niced: str, address: str, tmp_path: Path
) -> None:
    rig = moving
    told = rig.conductor.seen.policy.instruction
    # The node says once a second who looks: the browser of the test before may still be counted.
    person.until(lambda: watching(rig) == 1, "that nobody else looks")
    process = subprocess.Popen(
        [niced, "--headless", *FLAGS, f"--user-data-dir={tmp_path}", address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    person.until(lambda: watching(rig) == 2, "a second browser")
    # Its last words: a command, and half of another.
    with looking(address) as socket:
        person.until(lambda: watching(rig) == 3, "a third")
        socket.send(pressed(person.button("Tell the robot").get_attribute("id")))
        socket.socket.sendall(b"\x82\xfe")  # the head of a frame that never comes
        socket.socket.close()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10.0)
    person.until(lambda: watching(rig) == 1, "that it is gone")
    rig.conductor.spin(0.5)
    assert rig.safety.motion_enabled, rig.describe()
    assert rig.conductor.seen.policy.instruction in (told, "wave to the visitors", "")
    person.press("E-STOP")
    person.until(lambda: stopped(rig), "the e-stop of the one who stayed")


def test_a_browser_that_floods_is_refused_and_takes_nothing_from_others(
    moving: Rig, person: Page, address: str
) -> None:
    rig = moving
    button = person.button("Enable motion").get_attribute("id")
    over = threading.Event()

    def flood() -> None:
        with (
            contextlib.suppress(ConnectionClosed),
            looking(address) as socket,
        ):
            for _ in range(20_000):
                if over.is_set():
                    return
                socket.send(pressed(button))

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        person.until(lambda: refused(rig) > 20, "refusals")
        assert rig.safety.motion_enabled, rig.describe()
        person.press("E-STOP")
        person.until(lambda: stopped(rig), "the e-stop of another browser", 10.0)
    finally:
        over.set()
        thread.join(30.0)
    assert rig.session.runner.poll() is None


def pressed(button: str) -> bytes:
    """Return what viser's page sends for a button."""
    return msgspec.msgpack.encode(
        {"type": "GuiUpdateMessage", "uuid": button, "updates": {"value": True}}
    )


def watching(rig: Rig) -> int:
    """Return how many browsers look, as the node says once a second."""
    rig.conductor.spin(0.2)
    said = rig.conductor.seen.levels.get("web_view", (0, "0"))[1]
    return int(said.split()[0])


def refused(rig: Rig) -> int:
    rig.conductor.spin(0.2)
    return int(rig.conductor.seen.diagnostics.get("web_view", {}).get("refused", "0"))
