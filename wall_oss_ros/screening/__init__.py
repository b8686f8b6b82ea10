"""Looking ahead over chunks in a process of its own.

Judging a chunk of 32 rows takes some 8 ms of pure Python and small numpy calls. In the supervisor's
process that is 8 ms in which the interpreter's lock is wanted by two threads, 30 times a second.
"""

from wall_oss_ros.screening.look_ahead_process import LookAheadProcess

__all__ = ["LookAheadProcess"]
