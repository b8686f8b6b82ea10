"""The fault matrix: every fault, the reaction it must cause, and how soon.

The limits on time follow from the shipped settings: a heartbeat comes ten times a second and may be
0.6 s old, joint states 0.25 s, a command 0.2 s; the rows of a chunk last 1.6 s, and a picture may
stand still for 0.6 s.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial

from wall_oss_ros.cli.bench.fault import DEAD_MAN, SIMULATED_TIME, STAGES, UNWATCHED, Action, Fault
from wall_oss_ros.cli.bench.fault_chunks import chunk_faults
from wall_oss_ros.cli.bench.reactions import (
    at_rest,
    both,
    either,
    newer_epoch_followed,
    revoked,
    service_refused,
    starved_and_at_rest,
)
from wall_oss_ros.cli.bench.rig import EXERCISE, Rig
from wall_oss_ros.cli.names import names_in
from wall_oss_ros.core import action_space
from wall_oss_ros.core.errors import BringUpError, choices

# Which camera fails: the one of a wrist, which nobody would miss at once.
_CAMERA = "wrist_left"
_KILLED = {
    "camera_sync": ("heartbeat of camera_sync ends", revoked("camera_sync")),
    "policy": ("heartbeat of policy ends", revoked("policy")),
    "chunk_executor": ("commands end", revoked("command")),
    # The executor commands nothing without joint states: which of the two is too old first, when a
    # lock that the simulator holds keeps the executor waiting, is a matter of a few milliseconds.
    "sim_robot": ("joint states or commands end", either(revoked("joint"), revoked("command"))),
}
_HEARTBEAT_S, _HALT_S = 0.9, 0.5
# Both signals may hit a process while it holds the lock of a shared memory port. All who send to
# that port then wait until Fast DDS gives the lock up, a second that is compiled into it (Boost's
# "timeout when locking"), and the supervisor may find that it stood still itself.
_LOCK_S = 1.1
# How long the last chunk's rows and the slowing down take, and a picture may stand still [s].
_ROWS_S, _FROZEN_S = 2.8, 0.7


def faults() -> tuple[Fault, ...]:
    """Return all faults, those that share a graph one after the other."""
    every = [
        *_ended_processes(),
        *_camera_faults(),
        *_state_faults(),
        *chunk_faults(),
        *_disturbances(),
        *_estops(),
        *_refusals(),
        *_controller_faults(),
        *_dead_man_faults(),
        *_clock_faults(),
    ]
    return tuple(sorted(every, key=lambda fault: STAGES.index(fault.stage)))


def chosen(names: str) -> tuple[Fault, ...]:
    """Return faults by their names, separated by commas; "" are all.

    Raises:
        BringUpError: for an unknown name, with the valid ones.
    """
    known = {fault.name: fault for fault in faults()}
    wanted = names_in(names) or tuple(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise BringUpError(f"--only: unknown {choices(unknown)}; valid: {choices(known)}")
    return tuple(known[name] for name in known if name in wanted)


def _ended_processes() -> Iterator[Fault]:
    for number, what, suffix in (
        (signal.SIGKILL, "kill -9", "killed"),
        (signal.SIGSTOP, "SIGSTOP", "stopped"),
    ):
        for node, (why, reaction) in _KILLED.items():
            yield Fault(
                f"{node}_{suffix}",
                f"{what} of {node}",
                f"motion revoked: {why}",
                _send(node, number),
                either(reaction, revoked("stood still")),
                within_s=_HEARTBEAT_S + _LOCK_S,
                still_s=_HEARTBEAT_S + _HALT_S,
                heal=_revive(node, number),
                settle_s=0.9 if node == "sim_robot" else 0.0,
            )
        yield Fault(
            f"safety_supervisor_{suffix}",
            f"{what} of safety_supervisor",
            "the controllers brake by themselves",
            _send("safety_supervisor", number),
            at_rest(),
            within_s=1.0 + _LOCK_S,
            still_s=1.2 + _LOCK_S,
            heal=_revive("safety_supervisor", number),
        )


def _camera_faults() -> Iterator[Fault]:
    for fault, what in (
        ("silence", "stopped"),
        ("freeze", "frozen: stamps go on, pixels do not"),
        ("stall", "frozen: stamps stand, too"),
        ("past", "10 s in the past"),
        ("resize", "wrong size"),
        ("encoding", "unknown encoding"),
    ):
        late_s = _FROZEN_S if fault == "freeze" else 0.0
        yield _starving(f"camera_{fault}", f"camera {what}", _CAMERA, fault, late_s)


def _state_faults() -> Iterator[Fault]:
    for fault, what in (
        ("silence", "stopped"),
        ("nan", "with a NaN"),
        ("missing", "without a joint"),
        ("duplicate", "with a name twice"),
    ):
        yield Fault(
            f"joint_states_{fault}",
            f"joint_states {what}",
            "motion revoked: joint states too old",
            _make("joint_states", fault),
            revoked("joint"),
            within_s=0.6,
            still_s=1.0,
            heal=_make("joint_states", "none"),
        )
    yield _starving("odometry_silence", "odometry stopped", "odometry", "silence")


def _starving(name: str, title: str, stream: str, fault: str, noticed_s: float = 0.0) -> Fault:
    return Fault(
        name,
        title,
        "no new chunks; rows run out, arms hold, base stops",
        _make(stream, fault),
        starved_and_at_rest(noticed_s),
        within_s=noticed_s + _ROWS_S,
        still_s=0.0,  # from the reaction on
        heal=_make(stream, "none"),
        resumes=True,
    )


def _disturbances() -> Iterator[Fault]:
    yield Fault(
        "instruction_changed",
        "instruction changed mid-chunk",
        "chunks of the old epoch die, the new one is followed, motion goes on",
        lambda rig: rig.instruct_anew(),
        newer_epoch_followed,
        within_s=1.0,
        still_s=None,
    )
    yield Fault(
        "second_publisher",
        "second publisher on a controller topic",
        "motion revoked, the publisher named",
        lambda rig: rig.intruder.occupy("left_arm"),
        revoked("publishes"),
        within_s=1.5,
        still_s=2.0,
        heal=lambda rig: rig.intruder.leave(),
    )
    yield Fault(
        "command_flood",
        "command flood: 1,500 a second from another node",
        "motion revoked, no limit broken meanwhile",
        lambda rig: rig.flood_commands(),
        revoked("command"),
        within_s=1.5,
        still_s=2.0,
        heal=lambda rig: rig.intruder.leave(),
    )


def _estops() -> Iterator[Fault]:
    for part in action_space.PARTS:
        yield Fault(
            f"estop_{part}",
            f"e-stop while {part.replace('_', ' ')} moves",
            f"{part.replace('_', ' ')} at rest, e-stop latched",
            partial(_ask, "safety_supervisor/estop", None),
            both(revoked(estop=True), at_rest(part)),
            within_s=0.5,
            still_s=0.8,
            before=partial(_await_speed, part),
        )
    yield Fault(
        "estop_input",
        "e-stop input pressed",
        "e-stop latched, everything at rest",
        lambda rig: rig.press_estop(True),
        both(revoked("safety/estop_input", estop=True), at_rest()),
        within_s=0.5,
        still_s=0.8,
        heal=lambda rig: rig.press_estop(False),
    )


def _refusals() -> Iterator[Fault]:
    yield Fault(
        "reset_while_pressed",
        "reset while the e-stop input is pressed",
        "refused, the input named",
        partial(_ask, "safety_supervisor/reset", None),
        service_refused("safety/estop_input"),
        within_s=0.5,
        still_s=0.0,
        heal=lambda rig: rig.press_estop(False),
        before=_pressed,
    )
    yield Fault(
        "enable_during_estop",
        "motion enabled under a latched e-stop",
        "refused, the e-stop named",
        partial(_ask, "safety_supervisor/enable_motion", True),
        service_refused("e-stop"),
        within_s=0.5,
        still_s=0.0,
        before=_stopped,
    )
    yield Fault(
        "enable_without_joint_states",
        "motion enabled without joint states",
        "refused, the joint states named",
        partial(_ask, "safety_supervisor/enable_motion", True),
        service_refused("joint"),
        within_s=0.5,
        still_s=0.0,
        heal=_make("joint_states", "none"),
        before=_blind,
    )


def _controller_faults() -> Iterator[Fault]:
    yield Fault(
        "controller_deaf",
        "controller does not listen (head)",
        "motion revoked: the joint is not where it was sent",
        _make("head", "deaf"),
        revoked("head"),
        # It is noticed when the commanded joint is far enough from where it stays.
        within_s=EXERCISE["period_s"] + 1.0,
        still_s=EXERCISE["period_s"] + 1.5,
        heal=_make("head", "none"),
    )
    yield Fault(
        "controller_gone",
        "controller gone (left arm)",
        "motion revoked, the topic named",
        _make("left_arm", "gone"),
        revoked("arm_left_controller"),
        within_s=1.5,
        still_s=2.0,
        heal=_make("left_arm", "none"),
        stage=UNWATCHED,
    )


def _dead_man_faults() -> Iterator[Fault]:
    for name, title, held, within_s in (
        ("dead_man_released", "dead-man switch released", False, 0.2),
        ("dead_man_cut", "dead-man switch says nothing any more", None, 0.8),
    ):
        yield Fault(
            name,
            title,
            "motion revoked, the switch named",
            _hold(held),
            revoked("dead"),
            within_s=within_s,
            still_s=within_s + _HALT_S,
            heal=_hold(True),
            stage=DEAD_MAN,
        )


def _clock_faults() -> Iterator[Fault]:
    for fault, what in (("jump", "5 s forward"), ("jump_back", "5 s back")):
        yield Fault(
            f"clock_{fault}",
            f"clock jumps {what}",
            "motion revoked",
            _make("clock", fault),
            revoked(),
            within_s=0.6,
            still_s=1.1,
            stage=SIMULATED_TIME,
        )


def _make(stream: str, fault: str) -> Action:
    return lambda rig: rig.inject(stream, fault)


def _hold(held: bool | None) -> Action:
    return lambda rig: rig.dead_man.set(held)


def _send(node: str, number: signal.Signals) -> Action:
    return lambda rig: rig.signal(node, number)


def _revive(node: str, number: signal.Signals) -> Action:
    if number == signal.SIGKILL:
        return lambda rig: rig.restart(node)
    return lambda rig: rig.signal(node, signal.SIGCONT)


def _ask(service: str, request: bool | None, rig: Rig) -> None:
    rig.ask(service, request)


def _await_speed(part: str, rig: Rig) -> None:
    rig.await_speed(part)


def _pressed(rig: Rig) -> None:
    rig.press_estop(True)
    rig.await_rest()


def _stopped(rig: Rig) -> None:
    rig.ask("safety_supervisor/estop")
    rig.await_rest()


def _blind(rig: Rig) -> None:
    rig.inject("joint_states", "silence")
    rig.await_rest()
