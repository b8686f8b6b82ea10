"""Pins: who may look at the robot and command it. Only this machine, or who knows the token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.settings import SettingError
from wall_oss_ros.core.view.access import Access, checked_token
from wall_oss_ros.core.view.request import RequestError, parse_request

TOKEN = "a-token-that-nobody-guesses"
OPEN, CLOSED = Access(None, 8080), Access(TOKEN, 8080)
SOCKET = {"Upgrade": "websocket", "Connection": "Upgrade"}


def head(
    path: str = "/", method: str = "GET", host: str | None = "localhost:8080", **more
) -> bytes:
    headers = {**({"Host": host} if host else {}), **more}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def status(access: Access, *given, **more) -> int:
    return access.judge(parse_request(head(*given, **more))).status


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_without_a_token_this_machine_may_look(host: str) -> None:
    assert status(OPEN, host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "192.168.0.7:8080", "localhost.evil.example", "["]
)
def test_a_name_that_only_leads_here_may_not(host: str) -> None:
    assert status(OPEN, host=host) == 403


def test_a_page_of_another_site_may_not_open_a_web_socket() -> None:
    for access, cookie in ((OPEN, {}), (CLOSED, {"Cookie": f"{CLOSED.cookie}={TOKEN}"})):
        foreign = {**SOCKET, **cookie, "Origin": "https://evil.example"}
        ours = {**SOCKET, **cookie, "Origin": "http://localhost:8080"}
        assert status(access, **foreign) == 403
        assert status(access, **{**SOCKET, **cookie, "Origin": "null"}) == 403
        assert status(access, **ours) == 200
        assert status(access, **{**SOCKET, **cookie}) == 200  # no browser, but a program


def test_the_right_token_becomes_a_cookie_and_leaves_the_address() -> None:
    decision = CLOSED.judge(parse_request(head(f"/?token={TOKEN}", host="robot.lab:8080")))
    answer = dict(decision.headers)
    assert (decision.status, answer["Location"]) == (303, "/")
    assert "HttpOnly" in answer["Set-Cookie"]
    assert "SameSite=Strict" in answer["Set-Cookie"]
    cookie = answer["Set-Cookie"].partition(";")[0]
    assert status(CLOSED, host="robot.lab:8080", Cookie=cookie) == 200


@given(st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=40))
def test_no_other_token_is_let_in_by_address_or_by_cookie(text: str) -> None:
    assert status(CLOSED, f"/?token={text}") == 403
    assert status(CLOSED, Cookie=f"{CLOSED.cookie}={text}") == 403
    assert status(CLOSED, f"/?token={text}", **SOCKET) == 403


def test_without_any_token_it_says_what_to_do() -> None:
    decision = CLOSED.judge(parse_request(head()))
    assert decision.status == 403
    assert "?token=" in decision.reason
    assert TOKEN not in decision.reason


def test_the_cookie_of_another_port_is_another_view() -> None:
    assert status(CLOSED, Cookie=f"{Access(TOKEN, 8081).cookie}={TOKEN}") == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_but_a_look_is_answered(method: str) -> None:
    assert status(OPEN, method=method) == 405


def test_a_request_without_a_host_is_refused() -> None:
    assert status(OPEN, host=None) == 400


@pytest.mark.parametrize(
    "wrong",
    [
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET http://evil/ HTTP/1.1\r\n\r\n",
        b"GET //evil HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nOrigin: a\r\nHost: a\r\nOrigin: b\r\n\r\n",
    ],
)
def test_what_is_unclear_is_refused(wrong: bytes) -> None:
    with pytest.raises(RequestError, match="expected"):
        parse_request(wrong)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for text in (noise + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + noise + b"\r\n\r\n"):
        try:
            request = parse_request(text)
        except RequestError:
            continue
        assert CLOSED.judge(request).status in (400, 403, 405)


@pytest.mark.parametrize("weak", ["", "secret", "fifteen-letters", "a b" * 10, "ä" * 20, "x;y" * 9])
def test_a_weak_token_is_refused_with_a_way_to_a_good_one(weak: str) -> None:
    with pytest.raises(SettingError, match="token_urlsafe"):
        checked_token(weak, "'token.txt'")
    assert checked_token(f" {TOKEN}\n", "'token.txt'") == TOKEN
