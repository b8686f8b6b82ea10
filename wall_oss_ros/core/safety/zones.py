"""Arms keep in or out of the contract's zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wall_oss_ros.core.contract import Zone
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.safety.barrier import Gap


@dataclass(frozen=True, slots=True)
class _Kept:
    """A point that a zone keeps: the tool of a side, or the origin of a link."""

    zone: Zone
    side: str
    link: str
    what: str


class Zones:
    """The distance of each kept point to the border of each zone of the arms.

    It never changes: other zones are another barrier. Zones of the base are not here, since their
    frame does not move with the joints; see `base_zones`.
    """

    name = "zones"

    def __init__(self, zones: Mapping[str, Zone], base_frame: str) -> None:
        """Create the barrier.

        Args:
            zones: by name, as the contract has checked them.
            base_frame: the contract's; zones in it need no link's pose.
        """
        self._base_frame = base_frame
        arms = {name: zone for name, zone in zones.items() if zone.sides}
        frames = [zone.frame for zone in arms.values() if zone.frame != base_frame]
        kept = [link for zone in arms.values() for link in zone.links]
        self.links: Sequence[str] = tuple(dict.fromkeys((*frames, *kept)))
        self._kept: list[_Kept] = []
        for name, zone in arms.items():
            for side in zone.sides:
                self._kept.append(_Kept(zone, side, "", f"{side} tool to zone '{name}'"))
            for link in zone.links:
                self._kept.append(_Kept(zone, "", link, f"link '{link}' to zone '{name}'"))

    def gaps(self, survey: Survey) -> Sequence[Gap]:
        """Return one gap per zone and point."""
        gaps = []
        for kept in self._kept:
            zone = kept.zone
            pose = survey.links[kept.link] if kept.link else survey.tools_in_base[kept.side]
            point = pose.position
            if zone.frame != self._base_frame:
                frame = survey.links[zone.frame]
                point = frame.rotation.T @ (point - frame.position)
            gaps.append(Gap(zone.distance(point.tolist()), zone.margin, kept.what))
        return gaps
