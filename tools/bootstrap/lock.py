"""What must not be done twice at a time on this machine."""

import fcntl
import os
import tempfile
from contextlib import contextmanager


@contextmanager
def only_one(what):
    """Lets one run in at a time, as two would write into the same folders; the second waits.

    Args:
        what: name of what must not be done twice at a time on this machine.
    """
    path = os.path.join(tempfile.gettempdir(), f"wall_oss_ros.{what}.{os.getuid()}.lock")
    with open(path, "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another make ({what})", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
