"""Draw docs/web_view.png: the web view in a real browser, on the way to the red cube.

. tools/env.sh && python docs/make_web_view.py

Needs what `make test` installs: playwright, and a Chromium of the system.
"""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from wall_oss_ros.cli.bench.stage import parameter_file
from wall_oss_ros.cli.session import session
from wall_oss_ros.core.errors import BringUpError

ROOT = Path(__file__).parents[1]
SIZE = {"width": 1280, "height": 800}
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--ignore-gpu-blocklist"]
FLAGS += ["--enable-unsafe-swiftshader", "--disable-background-networking", "--disable-quic"]
# The browser draws in software beside the robot: late messages must not end the picture.
PATIENT = {
    "safety_supervisor": {
        "command_max_age_s": 1.0,
        "state_max_age_s": 1.0,
        "heartbeat_max_age_s": 3.0,
        "pause_max_s": 1.5,
    },
    "chunk_executor": {"state_max_age_s": 1.5},
    "camera_sync": {"max_age_s": 2.0, "state_max_age_s": 0.5, "frozen_after_s": 1.5},
    "policy": {"observation_max_age_s": 1.5},
    "web_view": {"port": 0, "picture_px": 160},
}
LOADED_MS, MOMENT_S = 8_000, 1.5


def main() -> None:
    """Run the demo's graph, open the page, wait for the moment, take the picture."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        raise SystemExit(f"no browser ({', '.join(NAMES)}); do: apt install chromium")
    lines: list[str] = []

    def show(name: str, line: str) -> None:
        lines.append(line)

    with parameter_file(PATIENT) as params, sync_playwright() as play:
        scene = {"task": "pick_cube", "colour": "red"}
        arguments = {**scene, "view": "true", "params": str(params), "use_sim_time": "true"}
        with session(arguments, show) as running:
            conductor = running.conductor
            conductor.wait_until_active(running.runner.managed, 60.0)
            address = re.search(r"web view: (http\S+)", "\n".join(lines))
            if address is None:
                raise BringUpError("web_view did not print its address")
            page = play.chromium.launch(executable_path=browser, args=FLAGS).new_page(viewport=SIZE)
            page.goto(address[1])
            page.get_by_role("button", name="E-STOP", exact=True).wait_for()
            page.wait_for_timeout(LOADED_MS)
            notes = page.locator(".mantine-Notification-closeButton")
            if notes.count():
                notes.first.click()
            conductor.begin(running.runner.managed)
            conductor.let_pass(MOMENT_S)
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # Few colours, and no blocks around letters: a third of the size.
    shot.quantize(128).save(ROOT / "docs" / "web_view.png", optimize=True)


if __name__ == "__main__":
    main()
