"""The message_filters interface that the inputs go through.

Where message_filters is installed its own classes are used. It is not on PyPI; the classes below
then offer the same calls, and the same tests run on both. The approximate-time matching is not used
in either case, see `core.assembler`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from message_filters import SimpleFilter, Subscriber
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

    class Subscriber(SimpleFilter):  # type: ignore[no-redef]
        """A topic as a source: ``Subscriber(node, type, topic, qos_profile=...)``."""

        def __init__(self, node: Any, msg_type: type, topic: str, **kwargs: Any) -> None:
            super().__init__()
            self.node = node
            self.topic = topic
            kwargs.setdefault("qos_profile", 10)
            self.sub = node.create_subscription(msg_type, topic, self.callback, **kwargs)

        def callback(self, msg: Any) -> None:
            """Take a message from the topic."""
            self.signalMessage(msg)


__all__ = ["SimpleFilter", "Subscriber"]
