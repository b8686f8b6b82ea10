"""lifecycle_manager: configures and activates the suite's nodes in order, shuts down in reverse.

Used by the launch file and by the runner alike, so that neither knows the order of anything. Ends
with status 1 and one sentence if the graph cannot come up; afterwards it watches.
"""

from __future__ import annotations

import os
import sys
import time

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from wall_oss_ros.core.errors import BringUpError, WallOssError, choices
from wall_oss_ros.ros.ending import Ending
from wall_oss_ros.ros.lifecycle_client import LifecycleClient
from wall_oss_ros.ros.parameters import declare

# Node names of another graph in the same domain are discovered within this time.
_DISCOVERY_S = 1.5
_SHUTDOWN_S = 2.0


class LifecycleManager(Node):
    """Knows the order; does the asking."""

    def __init__(self, ending: Ending) -> None:
        super().__init__("lifecycle_manager")
        self._ending = ending
        names = declare(self, "nodes", "", "managed nodes in start order, separated by spaces")
        self._timeout_s = declare(
            self,
            "timeout",
            60.0,
            "how long a node may take to appear [s]",
            low=1.0,
            high=3600.0,
        )
        self._load_timeout_s = declare(
            self,
            "load_timeout",
            900.0,
            "how long a node may take to configure, e.g. to load a model [s]",
            low=1.0,
            high=7200.0,
        )
        self._up: list[LifecycleClient] = []
        self._clients_of = [
            LifecycleClient(self, name, lambda: ending.requested) for name in names.split()
        ]
        self._gone: set[str] = set()

    def bring_up(self) -> None:
        """Configure all, then activate all, in order.

        Raises:
            BringUpError: naming the node, what it was asked, and where to read why.
        """
        start = time.monotonic()
        for client in self._clients_of:
            if not client.wait(self._timeout_s) and not self._ending.requested:
                raise BringUpError(
                    f"node '{client.name}' did not appear within {self._timeout_s:.0f} s; its own "
                    "output says why"
                )
        while time.monotonic() - start < _DISCOVERY_S and not self._ending.requested:
            rclpy.spin_once(self, timeout_sec=0.1)
        self._refuse_a_second_graph()
        for what, timeout_s in (
            ("configure", self._load_timeout_s),
            ("activate", self._timeout_s),
        ):
            for client in self._clients_of:
                if self._ending.requested:
                    return
                if not client.transition(what, timeout_s) and not self._ending.requested:
                    # On a busy machine the other graph's nodes are discovered late.
                    self._refuse_a_second_graph()
                    raise BringUpError(
                        f"node '{client.name}' could not {what}; its own output says why"
                    )
                if what == "activate":
                    self._up.append(client)
        self.get_logger().info(
            f"{len(self._up)} nodes are active; motion is off until safety_supervisor/"
            "enable_motion is called"
        )

    def watch(self) -> None:
        """Spin until the end; say once when a managed node is gone."""
        while not self._ending.requested:
            rclpy.spin_once(self, timeout_sec=0.2)
            for client in self._up:
                if not client.reachable() and client.name not in self._gone:
                    self._gone.add(client.name)
                    self.get_logger().error(
                        f"node '{client.name}' is gone; if the robot needs it, the safety "
                        "supervisor stops it; start the graph again"
                    )

    def shut_down(self) -> None:
        """Deactivate in reverse order those that are still there."""
        # The wish to end must not end these waits.
        for client in reversed(self._up):
            last = LifecycleClient(self, client.name, lambda: False)
            if last.wait(0.2):
                last.transition("deactivate", _SHUTDOWN_S)

    def _refuse_a_second_graph(self) -> None:
        namespace = self.get_namespace().rstrip("/")
        mine = [self.get_name(), *(client.name for client in self._clients_of)]
        full = [f"{namespace}/{name}" for name in mine]
        present = [
            f"{space.rstrip('/')}/{name}" for name, space in self.get_node_names_and_namespaces()
        ]
        twice = [name for name in full if present.count(name) > 1]
        if twice:
            raise BringUpError(
                f"nodes {choices(twice)} exist twice in ROS domain "
                f"{os.environ.get('ROS_DOMAIN_ID', '0')}: another graph is running; stop it, or "
                "set another ROS_DOMAIN_ID or namespace"
            )


def main() -> int:
    """Run the manager; return the exit status."""
    ending = Ending()
    try:
        with ending.on_signals():
            rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
            manager = LifecycleManager(ending)
            try:
                manager.bring_up()
                manager.watch()
            finally:
                manager.shut_down()
                manager.destroy_node()
        return 0
    except WallOssError as error:
        print(f"lifecycle_manager: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        rclpy.try_shutdown()
