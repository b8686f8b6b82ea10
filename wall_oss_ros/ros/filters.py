"""The message_filters interface that the inputs go through.

Where message_filters is installed its own class is used. It is not on PyPI; the class below then
offers the same calls, and the same tests run on both. The approximate-time matching is not used
in either case, see `core.assembler`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from message_filters import SimpleFilter
except ImportError:

    class SimpleFilter:  # type: ignore[no-redef]
        """A source of messages that others connect to."""

        def __init__(self) -> None:
            self.callbacks: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}

        def registerCallback(self, cb: Callable[..., None], *args: Any) -> int:  # noqa: N802
            """Call `cb(message, *args)` on every message; return a connection number."""
            connection = len(self.callbacks)
            self.callbacks[connection] = (cb, args)
            return connection

        def signalMessage(self, *msg: Any) -> None:  # noqa: N802
            """Pass a message on to everyone connected."""
            for callback, args in self.callbacks.values():
                callback(*(msg + args))


__all__ = ["SimpleFilter"]
