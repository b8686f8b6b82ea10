"""Start the suite: ``ros2 launch wall_oss_ros bimanual.launch.py``; see also ``--show-args``.

A translation of `wall_oss_ros.bringup.graph` into launch actions; no name or parameter is declared
here.
"""

from functools import partial

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch_ros.actions import Node

from wall_oss_ros.bringup.arguments import ARGUMENTS
from wall_oss_ros.bringup.graph import NodeSpec, make_graph
from wall_oss_ros.core.errors import BringUpError
from wall_oss_ros.ros.locations import PACKAGE


def _start(context: LaunchContext):
    given = {item.name: context.launch_configurations[item.name] for item in ARGUMENTS}
    # A WallOssError passes: launch prints its sentence, ends what else may run (this file can be
    # included by another), and `ros2 launch` returns 1. SystemExit would leave the others running.
    graph = make_graph(given)
    actions = [SetEnvironmentVariable(name, value) for name, value in graph.environment.items()]
    for spec in graph.nodes:
        files = [str(file) for file in spec.parameter_files]
        node = Node(
            package=PACKAGE,
            executable=spec.executable,
            name=spec.executable,
            namespace=graph.namespace,
            parameters=[*files, dict(spec.parameters)],
            arguments=["--ros-args", *graph.log_arguments(spec)],
            output="screen",
        )
        on_exit = OnProcessExit(target_action=node, on_exit=partial(_ended, spec))
        actions += [node, RegisterEventHandler(on_exit)]
    actions += [
        ExecuteProcess(cmd=list(tool.command), name=tool.name, output="screen")
        for tool in graph.tools
    ]
    return actions


def _ended(spec: NodeSpec, event: ProcessExited, context: LaunchContext) -> None:
    """End everything on status 1, which a sentence of the node explains, and with the manager.

    A node that is killed ends nothing: the supervisor stops the robot and must stay.
    """
    if context.is_shutdown:
        return
    if event.returncode == 1 or not spec.managed:
        # An error and not a Shutdown event, with which `ros2 launch` would return 0.
        raise BringUpError(
            f"{spec.executable} ended with status {event.returncode}; its own output says why"
        )


def generate_launch_description() -> LaunchDescription:
    """Return the description with every argument declared."""
    arguments = [
        DeclareLaunchArgument(
            item.name,
            default_value=item.default,
            description=item.help,
            choices=list(item.valid) or None,
        )
        for item in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_start)])
