"""The process that looks ahead: ``python -m wall_oss_ros.screening.worker FD``.

It ends when the other end of its pipe is closed, however the supervisor ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from multiprocessing.connection import Connection

from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.look_ahead import LookAhead
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.screening.pipe import Begin, Question

_NICENESS = 5


def serve(connection: Connection) -> None:
    """Judge what comes until the connection ends.

    Raises:
        ContractError: if the first message's contract or a question's zones fit no robot.
        ValueError: if a question's joints are incomplete or not finite.
    """
    begin: Begin = connection.recv()
    kinematics = MinkKinematics(begin.contract)
    boundaries = Boundaries(begin.contract, kinematics, begin.workspace_margin_m)
    look_ahead = LookAhead(begin.contract, kinematics, boundaries, begin.settings)
    connection.send(None)
    while True:
        question: Question = connection.recv()
        if question.zones is not None:
            boundaries.replace(question.zones)
        connection.send(look_ahead.judge(question.chunk, question.start))


def main(arguments: list[str]) -> None:
    """Serve the connection whose file descriptor is named."""
    # A Ctrl-C reaches the whole group; the supervisor says when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Never with the real-time priority of the thread that started it: a loop comes first.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    # And the policy and its observations before a verdict, which may come within 0.25 s.
    os.nice(_NICENESS)
    with Connection(int(arguments[0])) as connection, contextlib.suppress(EOFError, OSError):
        serve(connection)


if __name__ == "__main__":
    main(sys.argv[1:])
