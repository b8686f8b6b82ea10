"""The state of the graph on one screen of a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from wall_oss_ros.core.finding import Health
from wall_oss_ros.core.view import words
from wall_oss_ros.core.view.snapshot import Snapshot

_COLOURS = {Health.OK: "32", Health.NOTE: "33", Health.BAD: "31;1"}
_NAME = 18


def screen(
    snapshot: Snapshot, *, width: int = 100, height: int = 40, colour: bool = False
) -> list[str]:
    """Return the lines of the screen, none longer than its width and not more than its height.

    Args:
        snapshot: what was heard.
        width: of the terminal [letters].
        height: of it [lines].
        colour: whether to colour by health.
    """
    shown = []
    for line in _lines(snapshot):
        text = f"{line.health.value:<4}  {line.what:<{_NAME}} {line.said}".rstrip()
        text = text if len(text) <= width else text[: max(1, width - 1)] + "…"
        shown.append(f"\033[{_COLOURS[line.health]}m{text}\033[0m" if colour else text)
    return shown[: max(1, height)]


def _lines(snapshot: Snapshot) -> Iterator[words.Line]:
    yield words.headline(snapshot)
    for cause in words.causes(snapshot):
        yield words.Line("  why", Health.NOTE, cause)
    safety = snapshot.safety
    if safety is not None:
        if safety.reset_needs and not safety.enabled:
            yield words.Line("  reset needs", Health.NOTE, "; ".join(safety.reset_needs))
        if not safety.enabled:
            said = "; ".join(safety.enable_needs) or "nothing: it can be enabled"
            yield words.Line("  enabling needs", Health.NOTE, said)
        near = words.gaps(snapshot)
        if near:
            yield words.Line("  near", Health.OK, ", ".join(near))
    yield from words.lines(snapshot)
    for stage in snapshot.stages:
        said = f"p50 {stage.p50_ms:7.1f} ms   p99 {stage.p99_ms:7.1f} ms"
        yield words.Line("  " + stage.name[: _NAME - 2], Health.OK, said)
    rates = [
        (name, part.rate_hz)
        for name, part in (
            ("chunks", snapshot.policy),
            ("commands", snapshot.executor),
            ("supervisor", safety),
        )
        if part is not None
    ]
    if rates:
        said = ", ".join(f"{name} {rate:.1f} Hz" for name, rate in rates)
        yield words.Line("  rates", Health.OK, said)
