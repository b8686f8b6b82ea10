"""Who may look at the robot and command it: those at this machine, or those who know the token.

Every page of the internet that is open in a browser on this machine may send requests to it, too.
So a web socket that another page opens is refused, by its origin; and without a token only requests
that call this machine by a loopback name are answered, since a foreign name may lead here as well.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from wall_oss_ros.core.settings import SettingError
from wall_oss_ros.core.view.request import Request

LEAST_TOKEN = 16
_COOKIE = "wall_oss_view"
_WHERE = "open the address that web_view printed, with its ?token=... at the end"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request.

    Attributes:
        status: HTTP status; 200: it is let through.
        reason: in words, for a person, where it is not.
        headers: of the answer.
    """

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether the request is let through."""
        return self.status == 200


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked for before anything is shown.

    Attributes:
        token: what must be known; None: nothing, this machine only.
        port: of the address, for cookies know no ports.
    """

    token: str | None
    port: int

    @property
    def cookie(self) -> str:
        """Name of the cookie that remembers the token."""
        return f"{_COOKIE}_{self.port}"

    def judge(self, request: Request) -> Decision:
        """Return what becomes of a request."""
        if request.method not in ("GET", "HEAD"):
            return Decision(405, f"{request.method} is not answered here; GET is")
        host = request.headers.get("host", "")
        if not host:
            return Decision(400, "the request names no host")
        if self.token is None and not is_loopback(_name_of(host)):
            return Decision(403, f"this view answers to localhost only, not to '{host[:80]}'")
        origin = request.headers.get("origin")
        if origin is not None and request.upgrades and not _same(origin, host):
            return Decision(403, f"a page of '{origin[:80]}' may not command this robot")
        if self.token is None:
            return Decision(200)
        return self._judge_token(request, self.token)

    def _judge_token(self, request: Request, token: str) -> Decision:
        if request.token:
            if not same_secret(request.token, token):
                return Decision(403, f"wrong token: {_WHERE}")
            if request.upgrades:
                return Decision(200)
            # Into a cookie, and out of the address, which people copy and browsers remember.
            keep = f"{self.cookie}={token}; Path=/; HttpOnly; SameSite=Strict"
            return Decision(303, "", (("Set-Cookie", keep), ("Location", request.path)))
        if same_secret(request.cookie(self.cookie), token):
            return Decision(200)
        return Decision(403, f"a token is needed: {_WHERE}")


def same_secret(given: str, wanted: str) -> bool:
    """Compare without telling by the time it takes how much is right."""
    return secrets.compare_digest(given.encode(), wanted.encode())


def is_loopback(host: str) -> bool:
    """Return whether a name or address can only mean the machine it is used on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_token(text: str, where: str) -> str:
    """Return a token that was given.

    Raises:
        SettingError: if it is too short to be a secret, or cannot be part of an address.
    """
    token = text.strip()
    good = token.isascii() and all(letter.isalnum() or letter in "-_" for letter in token)
    if len(token) < LEAST_TOKEN or not good:
        raise SettingError(
            f"the token in {where} has {len(token)} characters; expected {LEAST_TOKEN} or more of "
            "A-Z a-z 0-9 - _, such as `python3 -c 'import secrets; print(secrets.token_urlsafe())'`"
        )
    return token


def _name_of(host: str) -> str:
    """Return a Host header without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
