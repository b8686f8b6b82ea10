"""A program that is a browser for the web view: says what viser's page says, and draws nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.sync.connection import Connection

# What viser's page says first; before it the server does not count it, nor what it sends.
_CAMERA = {
    "type": "ViewerCameraMessage",
    "wxyz": (1.0, 0.0, 0.0, 0.0),
    "position": (2.0, 0.0, 1.0),
    "fov": 1.0,
    "image_height": 100,
    "image_width": 100,
    "near": 0.1,
    "far": 100.0,
    "look_at": (0.0, 0.0, 1.0),
    "up_direction": (0.0, 0.0, 1.0),
}


@contextlib.contextmanager
def looking(address: str) -> Iterator[Connection]:
    """Give a web socket that has said where it looks from, as long as the block lasts.

    Args:
        address: of the web view, as it prints it.
    """
    import msgspec
    import viser
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    protocol = [Subprotocol(f"viser-v{viser.__version__}")]
    with connect(
        address.replace("http", "ws"), subprotocols=protocol, compression=None, max_size=None
    ) as socket:
        socket.send(msgspec.msgpack.encode(_CAMERA))
        yield socket
