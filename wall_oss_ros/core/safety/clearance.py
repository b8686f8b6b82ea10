"""The arms keep a distance to each other and to the body."""

from __future__ import annotations

from collections.abc import Sequence

from wall_oss_ros.core.contract import Clearance as ContractClearance
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.safety.barrier import Gap

# What its gap is called.
ARM_CLEARANCE = "arm clearance"


class Clearance:
    """What is left of the clearance beyond the contract's `stop`.

    Which two links are nearest changes with the posture; `Survey.nearest` names them.
    """

    name = "clearance"
    links: Sequence[str] = ()

    def __init__(self, clearance: ContractClearance) -> None:
        self._stop_m = clearance.stop
        self._margin_m = clearance.slow - clearance.stop

    def gaps(self, survey: Survey) -> Sequence[Gap]:
        """Return the one gap."""
        return [Gap(survey.clearance - self._stop_m, self._margin_m, ARM_CLEARANCE)]
