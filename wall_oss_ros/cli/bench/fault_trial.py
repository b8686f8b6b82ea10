"""One trial of one fault: in motion, broken, watched, put right."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from wall_oss_ros.cli.bench.fault import Fault
from wall_oss_ros.cli.bench.motion import Movement
from wall_oss_ros.cli.bench.rig import SECOND_NS, Rig

# Nothing moved: what a held arm shivers and sags [mrad], [mm].
STILL_MRAD, STILL_MM = 5.0, 1.0
# How long it is watched for that, and again after the cause is gone [s].
_WATCHED_S, _AGAIN_S = 0.5, 0.25
# Motion goes on: it is watched for so long [s].
_GOES_ON_S = 0.4
# Of the limits of the contract; what is beyond 1 is rounding.
_SPEED_SHARE = 1.005
# At rest an arm still settles a little for so long [s].
_SETTLED_S = 0.1


@dataclass(frozen=True, slots=True)
class Trial:
    """What one trial showed.

    Attributes:
        fault: name.
        passed: whether everything was as required.
        reaction_ms: from the injection to the required reaction; None if it did not come.
        moved_mrad: largest turn of anything in the time in which nothing may move.
        moved_mm: largest slide.
        speed_share: largest speed that anything was sent during the trial, as a share of its limit.
        note: what was not as required, in words.
    """

    fault: str
    passed: bool
    reaction_ms: float | None
    moved_mrad: float | None
    moved_mm: float | None
    speed_share: float
    note: str

    def record(self) -> dict[str, Any]:
        """Return it for a line of the log."""
        return asdict(self)


def try_fault(rig: Rig, fault: Fault, delay_s: float = 0.0, patience: float = 1.0) -> Trial:
    """Make one trial; what was broken is whole again afterwards, the robot may stand.

    Args:
        rig: a running graph.
        fault: what to break.
        delay_s: random time before, so that trials meet every phase of every loop.
        patience: multiple of its time that the reaction gets, for machines that are busy with
            something else.

    Raises:
        BringUpError: if the robot cannot be brought into motion again.
    """
    rig.set_in_motion()
    rig.pause(delay_s)
    fault.before(rig)
    rig.answer = None
    begin_ns = time.monotonic_ns()
    notes: list[str] = []
    moved: Movement | None = None
    try:
        fault.inject(rig)
        within_s = patience * fault.within_s
        reaction_ns = _await(rig, fault, begin_ns, within_s)
        if reaction_ns is None:
            notes.append(f"not within {within_s:g} s: {fault.required}; {rig.describe()}")
        if fault.still_s is None:
            notes += _goes_on(rig)
        else:
            halt_s = max(_SETTLED_S, fault.still_s - fault.within_s)
            halted_ns = (reaction_ns or 0) + round(halt_s * SECOND_NS)
            deadline_ns = max(halted_ns, begin_ns + round(fault.still_s * SECOND_NS))
            moved = _watch(rig, deadline_ns)
            notes += _complaints(moved, "moved after the reaction")
        share, axis = rig.commanded_share(begin_ns)
        if share > _SPEED_SHARE:
            notes.append(f"{axis} was sent {share:.2f} of its largest speed")
    finally:
        fault.heal(rig)
    if fault.still_s is not None and not fault.resumes:
        rig.pause(fault.settle_s)
        again = _watch(rig, time.monotonic_ns(), _AGAIN_S)
        complaints = _complaints(again, "moved by itself when the cause was gone")
        notes += [f"{complaint}; {rig.describe()}" for complaint in complaints]
    return Trial(
        fault=fault.name,
        passed=not notes,
        reaction_ms=None if reaction_ns is None else (reaction_ns - begin_ns) * 1e-6,
        moved_mrad=None if moved is None else moved.turn_mrad,
        moved_mm=None if moved is None else moved.slide_mm,
        speed_share=share,
        note="; ".join(notes),
    )


def _await(rig: Rig, fault: Fault, begin_ns: int, within_s: float) -> int | None:
    """Return when the reaction was seen, None if it was not in time."""
    limit_ns = begin_ns + round(within_s * SECOND_NS)
    found: list[int] = []

    def seen() -> bool:
        reaction_ns = fault.reaction(rig, begin_ns)
        if reaction_ns is not None:
            found.append(reaction_ns)
        return bool(found)

    # Rest is known a little after it began.
    rig.wait(seen, within_s + 0.2)
    return found[0] if found and found[0] <= limit_ns else None


def _watch(rig: Rig, from_ns: int, duration_s: float = _WATCHED_S) -> Movement:
    until_ns = from_ns + round(duration_s * SECOND_NS)
    rig.pause((until_ns - time.monotonic_ns()) / SECOND_NS)
    return rig.axes.movement(rig.track(from_ns, until_ns))


def _complaints(moved: Movement, what: str) -> list[str]:
    found = []
    if moved.turn_mrad > STILL_MRAD:
        found.append(f"{what}: {moved.turned} by {moved.turn_mrad:.1f} mrad")
    if moved.slide_mm > STILL_MM:
        found.append(f"{what}: {moved.slid} by {moved.slide_mm:.1f} mm")
    return found


def _goes_on(rig: Rig) -> list[str]:
    from_ns = time.monotonic_ns()
    rig.pause(_GOES_ON_S)
    if not rig.safety.motion_enabled:
        return [f"motion was revoked: {'; '.join(rig.safety.latched_causes)}"]
    speed = rig.axes.part_speed(rig.track(from_ns), "left_arm")
    return [] if len(speed) and speed.max() > 1.0 else ["motion did not go on"]
