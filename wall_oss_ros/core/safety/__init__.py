"""The safety supervisor's decisions: rules, verdicts, modes. Needs no ROS to be tested."""

from wall_oss_ros.core.safety.rule import Rule, Situation
from wall_oss_ros.core.safety.rules import RuleSet, SafetySettings, rule_set
from wall_oss_ros.core.safety.supervisor import Mode, SafetySupervisor
from wall_oss_ros.core.safety.verdict import Severity, Verdict

__all__ = [
    "Mode",
    "Rule",
    "RuleSet",
    "SafetySettings",
    "SafetySupervisor",
    "Severity",
    "Situation",
    "Verdict",
    "rule_set",
]
