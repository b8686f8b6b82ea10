"""Zones changed while the robot is in use: parameter, service, and markers of those in force."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from wall_oss_ros.core.contract import RobotContract, load_zones
from wall_oss_ros.core.errors import ContractError, choices
from wall_oss_ros.core.safety import Boundaries
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.zone_markers import zone_markers
from wall_oss_ros.srv import SetZones


class ZoneService:
    """Keeps a supervisor's boundaries as people set them."""

    def __init__(
        self,
        node: Node,
        contract: RobotContract,
        contract_file: str,
        boundaries: Boundaries,
        lock: threading.Lock,
        replaced: Callable[[], None],
    ) -> None:
        """Create service and markers; the contract's zones are in force.

        Args:
            node: owner.
            contract: the robot.
            contract_file: where it was read from.
            boundaries: whose zones are replaced.
            lock: held while they are.
            replaced: called under the lock after they were.
        """
        self._node = node
        self._contract = contract
        self._contract_file = contract_file
        self._boundaries = boundaries
        self._lock = lock
        self._replaced = replaced
        # No lifecycle publisher: what is in force is of interest before motion is possible.
        self._publisher = node.create_publisher(MarkerArray, "safety/zones", qos.STATE)
        node.create_service(SetZones, "~/set_zones", self._on_set)
        self._draw()

    def use(self, source: str | Path) -> str:
        """Put other zones in force; return in words which ones are.

        Args:
            source: YAML text, or the path of a file.

        Raises:
            ContractError: if they are wrong; those in force stay.
        """
        zones = load_zones(source, self._contract)
        with self._lock:
            self._boundaries.replace(zones)
            self._replaced()
            beyond = self._boundaries.beyond_at_home()
        self._draw()
        said = f"zones in force: {choices(zones) if zones else 'none'}"
        if beyond:
            gaps = "; ".join(f"{gap.what} {gap.distance:.3f} m" for gap in beyond)
            said += f". The home posture is beyond them: {gaps}"
        self._node.get_logger().warning(said)
        return said

    def _on_set(self, request: SetZones.Request, response: SetZones.Response) -> SetZones.Response:
        if request.zones and request.file:
            response.message = "got zones and a file; expected one of them"
            return response
        source = request.zones or Path(request.file or self._contract_file)
        try:
            response.message = self.use(source)
        except ContractError as error:
            response.message = f"{error}; the zones in force stay as they are"
            return response
        response.success = True
        return response

    def _draw(self) -> None:
        now_ns = int(self._node.get_clock().now().nanoseconds)
        self._publisher.publish(zone_markers(self._boundaries.outlines, now_ns))
