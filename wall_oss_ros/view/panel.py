"""The panel beside the robot: its state in words, and what a person can ask for."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.finding import Health
from wall_oss_ros.core.view import words
from wall_oss_ros.core.view.history import History
from wall_oss_ros.core.view.orders import Ask, Asked, Order
from wall_oss_ros.core.view.snapshot import Snapshot

_COLOURS = {Health.OK: "#2f9e44", Health.NOTE: "#e8890c", Health.BAD: "#e03131"}
# A slider that a person has just moved is not moved back by what the robot still says [s].
_HANDS_ON_S = 1.5
_ANSWER_S = 8.0
_MOST_LETTERS = 500
_OUTCOMES = ("success", "failure", "aborted", "unlabelled")
_PLOT_COLOURS = ("#4dabf7", "#ffa94d", "#69db7c", "#f783ac", "#b197fc", "#ffd43b", "#ff8787")


class Panel:
    """Widgets of viser. They are the same for every browser: what they show is the robot's."""

    def __init__(self, server: Any, ask: Ask, histories: dict[str, History]) -> None:
        """Lay it out.

        Args:
            server: viser's.
            ask: takes what a person asks, on a thread of viser's.
            histories: to plot, by title.
        """
        self._server, self._ask = server, ask
        self._histories = histories
        self._shown: dict[int, str] = {}  # by the id of a handle, which stays
        self._touched_s = self._answered_s = 0.0
        gui = server.gui
        self._state = gui.add_html("")
        self._button("E-STOP", Order.ESTOP, color="red", icon="hand-stop")
        self._answer = gui.add_html("")
        self._instruction = gui.add_text("Instruction", "", hint="what the robot is to do")
        self._button("Tell the robot", Order.INSTRUCT, text=lambda: self._instruction.value)
        self._button("Enable motion", Order.ENABLE, color="green")
        self._button("Disable motion", Order.DISABLE, color="orange")
        self._button("Reset e-stop", Order.RESET, color="gray")
        self._speed = gui.add_slider("Speed", min=0.0, max=1.0, step=0.05, initial_value=1.0)
        self._speed.on_update(self._on_speed)
        self._cameras = gui.add_folder("Cameras")
        self._pictures: dict[str, Any] = {}
        self._recording = gui.add_folder("Recording", expand_by_default=False)
        with self._recording:
            self._outcome = gui.add_dropdown("Outcome", _OUTCOMES)
            self._notes = gui.add_text("Notes", "")
            self._button("Start", Order.RECORD, text=lambda: self._instruction.value)
            self._button("Stop with this label", Order.KEEP, text=self._read_notes)
            self._button("Label the last one anew", Order.LABEL, text=self._read_notes)
            self._button("Throw away", Order.DISCARD)
        with gui.add_folder("Nodes", expand_by_default=False):
            self._nodes = gui.add_html("")
        with gui.add_folder("Figures", expand_by_default=False):
            self._plots = {title: self._plot(title, h) for title, h in histories.items()}
            self._lacks = gui.add_html("")

    # -- what is shown ----------------------------------------------------------------------------

    def show(self, snapshot: Snapshot) -> None:
        """Show the state."""
        self._say(self._state, _state(snapshot))
        self._say(self._nodes, "".join(map(_line, words.lines(snapshot))) + _figures(snapshot))
        executor = snapshot.executor
        if executor is not None and time.monotonic() - self._touched_s > _HANDS_ON_S:
            wanted = round(executor.speed_wanted / 0.05) * 0.05
            if abs(self._speed.value - wanted) > 0.01:
                self._speed.value = wanted
        if self._answered_s and time.monotonic() - self._answered_s > _ANSWER_S:
            self._answered_s = 0.0
            self._say(self._answer, "")

    def plot(self) -> None:
        """Draw the figures anew."""
        for title, handle in self._plots.items():
            columns = self._histories[title].columns()
            if len(columns[0]) >= 2:
                handle.data = columns

    def show_picture(self, name: str, pixels: NDArray[np.uint8], quality: int) -> None:
        """Show a camera's picture (h, w, 3)."""
        handle = self._pictures.get(name)
        if handle is None:
            with self._cameras:
                self._pictures[name] = self._server.gui.add_image(
                    pixels, label=name, format="jpeg", jpeg_quality=quality
                )
        else:
            handle.image = pixels
            handle.label = name

    def miss_picture(self, name: str, why: str) -> None:
        """Say that a camera's picture is old."""
        handle = self._pictures.get(name)
        if handle is not None and handle.label != f"{name}: {why}":
            handle.label = f"{name}: {why}"

    def say_lacks(self, lacks: tuple[str, ...]) -> None:
        """Say what of the robot is not drawn, and why."""
        said = "".join(f"<li>{html.escape(lack)}</li>" for lack in lacks[:5])
        self._say(self._lacks, f"<small>not drawn:<ul>{said}</ul></small>" if said else "")

    def _say(self, handle: Any, text: str) -> None:
        """Set a text where it differs: equal ones cost every browser a message."""
        if self._shown.get(id(handle)) != text:
            self._shown[id(handle)] = text
            handle.content = text

    # -- what is asked ----------------------------------------------------------------------------

    def _button(
        self, label: str, order: Order, text: Callable[[], str] = lambda: "", **given: Any
    ) -> None:
        button = self._server.gui.add_button(label, **given)

        def pressed(event: Any) -> None:
            if event.client_id is None:
                return
            outcome = self._outcome.value if order in (Order.KEEP, Order.LABEL) else ""
            asked = Asked(
                order,
                int(event.client_id),
                text()[:_MOST_LETTERS],
                "" if outcome == "unlabelled" else outcome,
            )
            self._ask(asked, self._tell)

        button.on_click(pressed)

    def _on_speed(self, event: Any) -> None:
        if event.client_id is None:  # moved by `show`
            return
        self._touched_s = time.monotonic()
        asked = Asked(Order.SPEED, int(event.client_id), number=float(self._speed.value))
        self._ask(asked, self._tell)

    def _read_notes(self) -> str:
        return str(self._notes.value)

    def _tell(self, done: bool, said: str) -> None:
        """Show what became of a command; to everybody, as it concerns everybody's robot."""
        self._answered_s = time.monotonic()
        colour = _COLOURS[Health.OK if done else Health.BAD]
        mark = "✓" if done else "✗"
        self._say(self._answer, _box(f"{mark} {html.escape(said)}", colour))

    def _plot(self, title: str, history: History) -> Any:
        from viser import uplot

        series = [uplot.Series(label="s")]
        for name, colour in zip(history.names, _PLOT_COLOURS, strict=False):
            series.append(uplot.Series(label=name, stroke=colour, width=1.5))
        empty = tuple(np.zeros(2) for _ in series)
        scales = {"x": uplot.Scale(time=False, auto=True), "y": uplot.Scale(auto=True)}
        return self._server.gui.add_uplot(
            empty, tuple(series), title=title, scales=scales, aspect=1.6
        )


def _box(content: str, colour: str) -> str:
    return (
        f'<div style="border-left:4px solid {colour};padding:2px 8px;margin:4px 12px;'
        f'overflow-wrap:anywhere">{content}</div>'
    )


def _state(snapshot: Snapshot) -> str:
    head = words.headline(snapshot)
    parts = [f"<b>{html.escape(head.said)}</b>"]
    parts += [html.escape(cause) for cause in words.causes(snapshot)]
    safety = snapshot.safety
    if safety is not None and not safety.enabled:
        if words.stopped_hard(snapshot):
            needs = "; ".join(safety.reset_needs) or "nothing, press it"
            parts.append(f"<small>reset needs: {html.escape(needs)}</small>")
        else:
            needs = "; ".join(safety.enable_needs) or "nothing, press it"
            parts.append(f"<small>enabling needs: {html.escape(needs)}</small>")
    told = snapshot.policy.instruction if snapshot.policy is not None else snapshot.instruction
    if told:
        parts.append(f"<small>told: {html.escape(told)}</small>")
    return _box("<br>".join(parts), _COLOURS[head.health])


def _line(line: words.Line) -> str:
    said = f"<small><b>{html.escape(line.what)}</b> {html.escape(line.said)}</small>"
    return _box(said, _COLOURS[line.health])


def _figures(snapshot: Snapshot) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(stage.name)}</td><td>{stage.p50_ms:.0f}</td>"
        f"<td>{stage.p99_ms:.0f}</td></tr>"
        for stage in snapshot.stages
    )
    head = "<tr><td>latency [ms]</td><td>p50</td><td>p99</td></tr>"
    return f"<small><table>{head}{rows}</table></small>" if rows else ""
