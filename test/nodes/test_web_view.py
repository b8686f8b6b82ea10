"""web_view: who gets in, and that nothing which goes wrong with it goes wrong with the robot.

The page in a real browser is in test/system/test_web_view.py.
"""

from __future__ import annotations

import http.client
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

viser = pytest.importorskip("viser", reason="no viser: `make test` installs it, `make jazzy` not")
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from websockets.exceptions import InvalidStatus  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

from wall_oss_ros.core.errors import BringUpError  # noqa: E402
from wall_oss_ros.core.settings import SettingError  # noqa: E402
from wall_oss_ros.core.view.settings import WebViewSettings  # noqa: E402
from wall_oss_ros.nodes.web_view import WebViewNode  # noqa: E402
from wall_oss_ros.view.page import WebPage, _token  # noqa: E402

VISER = [f"viser-v{viser.__version__}"]


class Served:
    """A page without a robot, and how one asks for it."""

    def __init__(self, **settings) -> None:
        settings = WebViewSettings(**{"port": 0, **settings})
        self.page = WebPage(settings, lambda asked, tell: None, {}, "test")
        self.address = urlsplit(self.page.address)
        self.token = self.address.query.removeprefix("token=")

    def get(self, path: str = "/", **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=10.0)
        connection.request("GET", path, headers={"Host": self.address.netloc, **headers})
        return connection.getresponse()

    def open(self, **headers: str):
        address = f"ws://localhost:{self.address.port}/"
        return connect(address, subprotocols=VISER, additional_headers=headers, compression=None)


@pytest.fixture
def served() -> Iterator[type[Served]]:
    opened: list[Served] = []

    def serve(**settings) -> Served:
        opened.append(Served(**settings))
        return opened[-1]

    yield serve
    for each in opened:
        each.page.close()


def test_on_this_machine_nothing_is_asked_for_and_elsewhere_a_token(served):
    here = served()
    assert here.token == ""
    assert b"<html" in here.get().read().lower()
    with here.open() as web_socket:
        assert web_socket.recv(timeout=10.0)
    for host in ("0.0.0.0", "192.168.1.7", "robot.lab"):
        assert len(_token(WebViewSettings(host=host)) or "") >= 32


def test_a_wrong_token_is_refused_and_the_right_one_becomes_a_cookie(served):
    closed = served(token="always")
    for path in ("/", "/?token=wrong", f"/?token={closed.token}x", "/assets/x"):
        answer = closed.get(path)
        assert answer.status == 403
        assert b"?token=" in answer.read()
    with pytest.raises(InvalidStatus):
        closed.open()
    answer = closed.get(f"/?token={closed.token}")
    assert answer.status == 303
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert closed.get("/", Cookie=cookie).status == 200
    with closed.open(Cookie=cookie) as web_socket:
        assert web_socket.recv(timeout=10.0)


def test_a_page_of_another_site_gets_no_web_socket(served):
    here = served()
    with pytest.raises(InvalidStatus):
        here.open(Origin="https://evil.example")
    assert here.get(Host="evil.example").status == 403


def test_one_request_is_all_that_a_connection_may_send(served):
    closed = served(token="always")
    smuggled = f"GET /?token={closed.token} HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.create_connection(("127.0.0.1", closed.address.port), 10.0) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled.encode())
        said = b"".join(iter(lambda: raw.recv(4096), b""))
    assert said.startswith(b"HTTP/1.1 403")
    assert said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000, b"408"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
        (b"\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_answered_with_a_refusal(served, sent, status):
    here = served()
    with socket.create_connection(("127.0.0.1", here.address.port), 10.0) as raw:
        raw.sendall(sent)
        assert raw.recv(4096).startswith(b"HTTP/1.1 " + status)
    assert here.get().status == 200


def test_no_more_connections_than_allowed_and_who_leaves_makes_room(served):
    here = served(most_connections=2)
    with here.open(), here.open():
        assert here.get().status == 503
    for _ in range(50):
        if here.get().status == 200:
            return
    pytest.fail("no room was made")


def test_a_port_that_is_taken_is_passed_over(served):
    first = served()
    second = served(port=first.address.port)
    assert first.address.port < second.address.port <= first.address.port + 9
    with pytest.raises(BringUpError, match="`host` and `port`"):
        served(host="192.0.2.1")  # an address that no machine has


def test_a_token_of_a_file_is_used_and_a_weak_one_is_refused(served, tmp_path: Path):
    file = tmp_path / "token"
    file.write_text("the-token-of-this-laboratory\n")
    file.chmod(stat.S_IRUSR)
    assert served(token_file=str(file)).token == "the-token-of-this-laboratory"
    weak = tmp_path / "weak"
    weak.write_text("1234\n")
    with pytest.raises(SettingError, match="token_urlsafe"):
        served(token_file=str(weak))
    with pytest.raises(SettingError, match="cannot be read"):
        served(token_file=str(tmp_path / "none"))


def test_the_share_button_of_viser_leads_nowhere(served):
    assert served().page._server.request_share_url() is None


def test_nobody_looks_no_picture_is_asked_for_and_nothing_is_drawn(bench, contract):
    table = bench(port=0)
    node = table.add(WebViewNode())
    table.spin_for(0.5)
    for camera in contract.cameras.values():
        assert table.node.count_subscribers(camera.topic) == 0
    level, said, _ = node.report()
    assert (level, said) == (DiagnosticStatus.OK, "0 browsers look")


def test_a_fault_in_drawing_leaves_the_page_and_says_so(bench, monkeypatch):
    table = bench(port=0)
    node = WebViewNode()
    monkeypatch.setattr(node, "_update", lambda page, now_s: 1 / 0)
    table.add(node)
    table.spin_until(lambda: node.report()[0] == DiagnosticStatus.ERROR, "the fault")
    port = urlsplit(node._page.address).port
    connection = http.client.HTTPConnection("localhost", port, timeout=10.0)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    assert not node.ending.requested


def test_without_viser_the_node_says_what_to_install(bench, monkeypatch):
    monkeypatch.setattr("wall_oss_ros.nodes.web_view._MISSING", "viser")
    node = WebViewNode.__new__(WebViewNode)
    with pytest.raises(BringUpError, match=r"pip install 'wall_oss_ros\[view\]'"):
        node.build(None)
