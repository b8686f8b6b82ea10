"""Zones changed while the robot is in use: parameter, service, and markers of those in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from visualization_msgs.msg import MarkerArray

from wall_oss_ros.core.contract import RobotContract, load_zones
from wall_oss_ros.core.errors import ContractError, choices
from wall_oss_ros.core.safety import Boundaries
from wall_oss_ros.core.safety.barrier import Barrier
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.loop_node import LoopNode
from wall_oss_ros.ros.zone_markers import zone_markers
from wall_oss_ros.srv import SetZones


class ZoneService:
    """Keeps a supervisor's boundaries as people set them."""

    def __init__(
        self,
        node: LoopNode,
        contract: RobotContract,
        boundaries: Boundaries,
        replaced: Callable[[Sequence[Barrier]], None],
    ) -> None:
        """Create service and markers; the contract's zones are in force.

        Args:
            node: owner; its lock is held while zones are replaced.
            contract: the robot.
            boundaries: whose zones are replaced.
            replaced: told the new barriers, under the lock.
        """
        self._node = node
        self._contract = contract
        self._boundaries = boundaries
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
        with self._node.lock:
            self._boundaries.replace(zones)
            self._replaced(self._boundaries.barriers)
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
        source = request.zones or Path(request.file or self._node.contract_path)
        try:
            response.message = self.use(source)
        except ContractError as error:
            response.message = f"{error}; the zones in force stay as they are"
            return response
        response.success = True
        return response

    def _draw(self) -> None:
        markers = zone_markers(self._boundaries.outlines, self._node.now_ns())
        self._publisher.publish(markers)
