"""Drive another node's lifecycle through its services."""

from __future__ import annotations

import time
from collections.abc import Callable

import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node

_TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
}


class LifecycleClient:
    """One managed node. Blocking calls that spin the owner; not for use inside callbacks."""

    def __init__(self, owner: Node, name: str, giving_up: Callable[[], bool]) -> None:
        """Create the clients.

        Args:
            owner: node that calls.
            name: managed node, relative to the owner's namespace.
            giving_up: asked while waiting; true ends every wait.
        """
        self.name = name
        self._owner = owner
        self._giving_up = giving_up
        self._change = owner.create_client(ChangeState, f"{name}/change_state")
        self._get = owner.create_client(GetState, f"{name}/get_state")

    def wait(self, timeout_s: float) -> bool:
        """Wait until the node offers its services; return whether it does."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and not self._giving_up():
            if self._change.wait_for_service(timeout_sec=0.1):
                return True
        return self._change.service_is_ready()

    def transition(self, name: str, timeout_s: float) -> bool:
        """Ask for configure, activate or deactivate; return whether it succeeded in time."""
        request = ChangeState.Request(transition=Transition(id=_TRANSITIONS[name]))
        response = self._call(self._change, request, timeout_s)
        return bool(response is not None and response.success)

    def active(self, timeout_s: float) -> bool:
        """Return whether the node says it is active."""
        response = self._call(self._get, GetState.Request(), timeout_s)
        return response is not None and response.current_state.id == State.PRIMARY_STATE_ACTIVE

    def reachable(self) -> bool:
        """Return whether the node is there."""
        return bool(self._change.service_is_ready())

    def _call(self, client, request, timeout_s: float):
        future = client.call_async(request)
        deadline = time.monotonic() + timeout_s
        while not future.done() and time.monotonic() < deadline and not self._giving_up():
            rclpy.spin_once(self._owner, timeout_sec=0.05)
        return future.result() if future.done() else None
