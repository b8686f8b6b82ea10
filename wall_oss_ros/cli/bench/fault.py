"""One fault as data: how it is made, what it must cause in what time, and how it is put right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wall_oss_ros.cli.bench.reactions import Reaction
from wall_oss_ros.cli.bench.rig import Rig

Action = Callable[[Rig], None]

# The graphs of the trials: all topics watched; no listener on the controller topics but the robot;
# motion only while the dead-man switch is held; all nodes on simulated time.
USUAL, UNWATCHED = "usual", "unwatched"
DEAD_MAN, SIMULATED_TIME = "dead man", "simulated time"
STAGES = (USUAL, UNWATCHED, DEAD_MAN, SIMULATED_TIME)


def nothing(rig: Rig) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the matrix. The robot moves when it is injected, unless `before` stops it.

    Attributes:
        name: for ``--only`` and the log.
        title: what happens, in words.
        required: what must follow, in words.
        inject: makes it happen.
        reaction: when the required reaction was seen.
        within_s: the longest it may take [s].
        still_s: from so long after the injection on nothing may move [s]; None: motion must go on.
        heal: takes the cause away; the rig then resets, enables and moves again.
        before: what must be so first; its time does not count.
        settle_s: what is under way when it heals may end for so long [s].
        resumes: whether motion may go on by itself when it heals; else a person must enable it.
        stage: which graph it needs, one of `STAGES`.
    """

    name: str
    title: str
    required: str
    inject: Action
    reaction: Reaction
    within_s: float
    still_s: float | None
    heal: Action = nothing
    before: Action = nothing
    settle_s: float = 0.0
    resumes: bool = False
    stage: str = USUAL
