"""What a fault may be required to cause, as conditions on what was seen since it was injected.

Each function makes a reaction: from the rig and the time of the injection [ns, monotonic] to the
time at which the requirement was met, or None while it is not.
"""

from __future__ import annotations

from collections.abc import Callable

from wall_oss_ros.cli.bench.monitor import CHUNKS, COMMANDS, EXECUTOR, PLANS, SAFETY
from wall_oss_ros.cli.bench.rig import Rig
from wall_oss_ros.msg import ExecutorState, SafetyState

Reaction = Callable[[Rig, int], "int | None"]

# A chunk may be on its way when its camera fails [ns].
_ON_THE_WAY_NS = 500_000_000


def revoked(*words: str, estop: bool | None = None) -> Reaction:
    """Motion is revoked, and the causes name these words.

    Args:
        words: each must be in the causes; upper and lower case are the same.
        estop: whether it must be latched as an e-stop; None for either.
    """

    def reaction(rig: Rig, since_ns: int) -> int | None:
        for arrival in rig.monitor.since(SAFETY, since_ns):
            state: SafetyState = arrival.message
            if state.motion_enabled or state.mode < SafetyState.STOPPED:
                continue
            if estop is not None and (state.mode == SafetyState.ESTOP) != estop:
                continue
            causes = " ".join(state.latched_causes).lower()
            if all(word.lower() in causes for word in words):
                return arrival.ns
        return None

    return reaction


def at_rest(part: str | None = None) -> Reaction:
    """A part, or everything, stands."""

    def reaction(rig: Rig, since_ns: int) -> int | None:
        return rig.axes.rest_ns(rig.track(since_ns), part)

    return reaction


def starved_and_at_rest(noticed_s: float = 0.0) -> Reaction:
    """No new chunks come, their rows run out, everything stands.

    Args:
        noticed_s: after so long no observation may be made any more [s].
    """

    def reaction(rig: Rig, since_ns: int) -> int | None:
        if rig.executor.state == ExecutorState.RUNNING:
            return None
        if rig.monitor.since(CHUNKS, since_ns + round(noticed_s * 1e9) + _ON_THE_WAY_NS):
            return None
        return at_rest()(rig, since_ns)

    return reaction


def chunk_refused(rig: Rig, since_ns: int) -> int | None:
    """The executor counts a refused chunk, or names it in its plan."""
    before = [each for each in rig.monitor.since(EXECUTOR, 0) if each.ns < since_ns]
    if not before:
        return None
    counted = before[-1].message.rejected
    told = [
        each.ns for each in rig.monitor.since(EXECUTOR, since_ns) if each.message.rejected > counted
    ]
    plans = [each for each in rig.monitor.since(PLANS, 0) if each.ns < since_ns]
    if plans:
        last = plans[-1].message.refused_seq
        told += [
            each.ns
            for each in rig.monitor.since(PLANS, since_ns)
            if each.message.refused_seq != last
        ]
    return min(told, default=None)


def chunk_cut_or_refused(rig: Rig, since_ns: int) -> int | None:
    """The supervisor's look-ahead lets only a part of a chunk through, or the executor none."""
    cut = [
        each.ns
        for each in rig.monitor.since(EXECUTOR, since_ns)
        if each.message.chunk_seq and 0 <= each.message.safe_rows < each.message.rows_left
    ]
    cut += [each.ns for each in rig.monitor.since(SAFETY, since_ns) if _interferes(each.message)]
    refused = chunk_refused(rig, since_ns)
    return min([*cut, *([refused] if refused is not None else [])], default=None)


def interfered(rig: Rig, since_ns: int) -> int | None:
    """The supervisor limits, holds or stops."""
    return next(
        (each.ns for each in rig.monitor.since(SAFETY, since_ns) if _interferes(each.message)),
        None,
    )


def newer_epoch_followed(rig: Rig, since_ns: int) -> int | None:
    """A command follows a chunk of a newer epoch, and from then on none of an older one does."""
    before = rig.monitor.since(COMMANDS, since_ns - 500_000_000)
    old = [each.message.source_epoch for each in before if each.ns < since_ns]
    if not old:
        return None
    epochs = [
        (each.ns, each.message.source_epoch)
        for each in before
        if each.ns >= since_ns and each.message.source_seq
    ]
    newer = [ns for ns, epoch in epochs if epoch > old[-1]]
    if not newer or any(ns > newer[0] and epoch <= old[-1] for ns, epoch in epochs):
        return None
    return newer[0]


def service_refused(*words: str) -> Reaction:
    """The service that was asked says no, and names these words."""

    def reaction(rig: Rig, since_ns: int) -> int | None:
        if rig.answer is None or rig.answer[1] < since_ns:
            return None
        response, came_ns = rig.answer
        said = response.message.lower()
        refused = not response.success and all(word.lower() in said for word in words)
        return came_ns if refused else None

    return reaction


def both(first: Reaction, second: Reaction) -> Reaction:
    """Two reactions; the later of them counts."""

    def reaction(rig: Rig, since_ns: int) -> int | None:
        times = (first(rig, since_ns), second(rig, since_ns))
        return None if None in times else max(times)  # type: ignore[type-var]

    return reaction


def either(first: Reaction, second: Reaction) -> Reaction:
    """One of two reactions; the sooner of them counts."""

    def reaction(rig: Rig, since_ns: int) -> int | None:
        times = (first(rig, since_ns), second(rig, since_ns))
        return min((ns for ns in times if ns is not None), default=None)

    return reaction


def _interferes(state: SafetyState) -> bool:
    return bool(state.mode >= SafetyState.LIMITED)
