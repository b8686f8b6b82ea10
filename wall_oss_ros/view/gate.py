"""The port that browsers connect to: lets in who may, and hands their bytes on, never too many.

viser's own server listens on a loopback address that nobody is told. What reaches it was judged by
`core.view.access`, one request per connection, and comes at a bounded rate: a browser that floods
waits, and takes nothing from the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from http import HTTPStatus

from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.core.view.access import Access, Decision
from wall_oss_ros.core.view.request import MOST_BYTES, RequestError, parse_request
from wall_oss_ros.core.view.settings import WebViewSettings
from wall_oss_ros.core.view.token_bucket import TokenBucket

_HEAD_S = 5.0
_LINGER_S = 1.0
_MOST_WAITING = 64
_TRIES = 10
_BLOCK = 64 * 1024
_BURST_S = 4.0
# A browser that sends too much for so long is cut off: what it sent would else be carried out long
# after it is gone. What waits in the kernel is bounded for the same reason [s], [bytes].
_MOST_BEHIND_S, _KERNEL_BYTES = 5.0, 32 * 1024


class Gate:
    """Listens from `start` to `close`, on a thread of its own.

    Attributes:
        port: that it listens on, once started.
    """

    def __init__(
        self, settings: WebViewSettings, token: str | None, inner: tuple[str, int]
    ) -> None:
        """Prepare.

        Args:
            settings: address and limits.
            token: that must be known; None: none.
            inner: host and port of viser.
        """
        self._settings, self._token, self._inner = settings, token, inner
        self.port = settings.port
        self._waiting = self._inside = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gate", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            BringUpError: if no port can be had.
        """
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10.0)

    def close(self) -> None:
        """Cut every connection."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()

    async def _listen(self) -> None:
        first = self._settings.port
        ports = [0] if first == 0 else [*range(first, min(first + _TRIES, 65536))]
        for port in ports:
            try:
                self._server = await asyncio.start_server(
                    self._serve, self._settings.host, port, limit=MOST_BYTES
                )
            except OSError as error:
                last = error
                continue
            for listening in self._server.sockets:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BYTES)
            self.port = self._server.sockets[0].getsockname()[1]
            self._access = Access(self._token, self.port)
            return
        raise BringUpError(
            f"web_view cannot listen on {self._settings.host}, ports {ports[0]} to {ports[-1]}: "
            f"{last.strerror or last}; set its parameters `host` and `port`"
        )

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                if await self._judge(reader, writer):
                    await _linger(reader, writer)
        finally:
            writer.close()

    async def _judge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Hand on what may be; return whether it was refused, with an answer."""
        if self._waiting >= _MOST_WAITING:
            return False
        self._waiting += 1
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_S)
            request = parse_request(head)
        except (asyncio.TimeoutError, asyncio.LimitOverrunError):
            return await self._refuse(
                writer, Decision(408, "the request did not come, or is too long")
            )
        except RequestError as error:
            return await self._refuse(writer, Decision(400, str(error)))
        finally:
            self._waiting -= 1
        decision = self._access.judge(request)
        if decision.admitted and self._inside >= self._settings.most_connections:
            decision = Decision(503, "too many browsers look at this robot; close one of them")
        if not decision.admitted:
            return await self._refuse(writer, decision)
        self._inside += 1
        try:
            await self._hand_on(head, request.upgrades, reader, writer)
        finally:
            self._inside -= 1
        return False

    async def _hand_on(
        self,
        head: bytes,
        both_ways: bool,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(*self._inner)
        inner_writer.write(head)
        copies = [asyncio.create_task(_copy(inner_reader, writer, None))]
        if both_ways:
            rate = self._settings.client_kb_per_s * 1000.0
            bucket = TokenBucket(rate, _BURST_S * rate)
            copies.append(asyncio.create_task(_copy(reader, inner_writer, bucket)))
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            inner_writer.close()

    async def _refuse(self, writer: asyncio.StreamWriter, decision: Decision) -> bool:
        body = f"{decision.reason}\n".encode() if decision.reason else b""
        lines = [
            f"HTTP/1.1 {decision.status} {HTTPStatus(decision.status).phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *(f"{name}: {value}" for name, value in decision.headers),
        ]
        writer.write("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)
        await writer.drain()
        return True


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let a refusal be read: closing on bytes that nobody took would cut it off."""
    writer.write_eof()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_discard(reader), _LINGER_S)


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(_BLOCK):
        pass


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bucket: TokenBucket | None
) -> None:
    behind_s = 0.0
    with contextlib.suppress(OSError):
        while behind_s < _MOST_BEHIND_S and (data := await reader.read(_BLOCK)):
            writer.write(data)
            await writer.drain()
            if bucket is not None:
                wait_s = bucket.owe(time.monotonic_ns(), len(data))
                behind_s = behind_s + wait_s if wait_s > 0.0 else 0.0
                await asyncio.sleep(wait_s)
