"""The head of an HTTP request, read strictly: what is unclear is refused, not guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from wall_oss_ros.core.errors import WallOssError

MOST_BYTES = 16 * 1024
_ONCE = ("host", "origin", "upgrade", "authorization")
_BODY = ("content-length", "transfer-encoding")


class RequestError(WallOssError):
    """The head of a request cannot be read."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, and by whom.

    Attributes:
        method: e.g. "GET".
        path: without the query, e.g. "/".
        token: of the query, empty where it has none.
        headers: values by name in lower case.
    """

    method: str
    path: str
    token: str
    headers: Mapping[str, str]

    @property
    def upgrades(self) -> bool:
        """Whether a web socket is asked for."""
        return "websocket" in self.headers.get("upgrade", "").lower()

    def cookie(self, name: str) -> str:
        """Return a cookie's value, empty where it is not there."""
        try:
            jar = SimpleCookie(self.headers.get("cookie", ""))
        except CookieError:
            return ""
        return jar[name].value if name in jar else ""


def parse_request(head: bytes) -> Request:
    """Return what a head asks for.

    Args:
        head: everything up to and with the empty line.

    Raises:
        RequestError: if it is no request, has a body, or says twice what counts once.
    """
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise RequestError(f"request line {lines[0][:80]!r}; expected 'GET /path HTTP/1.1'")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        if not line:
            break
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise RequestError(f"header line {line[:80]!r}; expected 'Name: value'")
        name = name.lower()
        if name in headers and name in _ONCE:
            raise RequestError(f"header '{name}' twice; expected once")
        if name in headers and name == "cookie":
            headers[name] += "; " + value.strip()
        else:
            headers[name] = value.strip()
    if any(headers.get(name, "0") != "0" for name in _BODY):
        raise RequestError("the request has a body; expected none")
    try:
        target = urlsplit(words[1])
        query = parse_qs(target.query, max_num_fields=20)
    except ValueError:
        raise RequestError(f"address {words[1][:80]!r} cannot be read") from None
    if not target.path.startswith("/") or target.netloc:
        raise RequestError(f"address {words[1][:80]!r}; expected one that begins with a single /")
    return Request(words[0], target.path, query.get("token", [""])[0], headers)
