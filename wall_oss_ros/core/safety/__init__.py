"""The safety supervisor's decisions: rules, verdicts, modes. Needs no ROS to be tested.

How it is driven (one `SafetySupervisor`, guarded by its owner's lock)::

    boundaries = Boundaries(contract, kinematics, settings.workspace_margin_m)
    rules = rule_set(contract, settings, boundaries)
    supervisor = SafetySupervisor(contract, kinematics, rules, settings)

    supervisor.measure(sample)                    # every input, whenever it comes
    supervisor.propose(command)                   # only the newest counts: a flood does no harm
    supervisor.heartbeat(node, stamp_ns)
    supervisor.see(strangers, deaf)               # who else is on the controller topics
    supervisor.dead_man(held, stamp_ns)
    supervisor.locate_base(pose, stamp_ns)        # odometry
    supervisor.replace_barriers(boundaries.barriers)      # zones changed live

    output = supervisor.step(now_ns, dt, steady_ns)       # every tick; None: send nothing
    output = supervisor.estop(cause, now_ns)              # send this at once, too
    output = supervisor.estop_input(source, pressed, now_ns)

    supervisor.enable_motion(True, now_ns)        # None, or why not
    supervisor.reset(now_ns)                      # None, or why not
    supervisor.checks_for_reset(now_ns)           # what each of them needs, with its present state
    supervisor.checks_for_enable(now_ns)

    supervisor.survey(), supervisor.gaps()        # of the measured posture; gaps nearest first
    supervisor.mode, .motion_enabled, .latched_causes, .last_verdict, .counts
    supervisor.shadow, .pressed_inputs

Three kinds of things judge. A `Rule` looks at the command: form, age, who sends it, base twist. A
`Barrier` looks at postures: workspace, zones, distance between the arms; the supervisor surveys the
posture it is about to command and the one where the robot would stand if it braked from there. A
`Pace` looks at the step between two postures: tool speed. None of them changes joints: all joint
motion is made by the `JointGovernor`, which the verdicts slow, brake or stop.
"""

from wall_oss_ros.core.safety.boundaries import Boundaries
from wall_oss_ros.core.safety.checks import Check
from wall_oss_ros.core.safety.mode import Mode
from wall_oss_ros.core.safety.rule import Pace, Rule, Situation
from wall_oss_ros.core.safety.rules import RuleSet, SafetySettings, rule_set
from wall_oss_ros.core.safety.supervisor import SafetySupervisor
from wall_oss_ros.core.safety.verdict import Severity, Verdict

__all__ = [
    "Boundaries",
    "Check",
    "Mode",
    "Pace",
    "Rule",
    "RuleSet",
    "SafetySettings",
    "SafetySupervisor",
    "Severity",
    "Situation",
    "Verdict",
    "rule_set",
]
