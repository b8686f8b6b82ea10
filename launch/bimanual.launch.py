"""Start the suite: ``ros2 launch wall_oss_ros bimanual.launch.py``; ``--show-args`` lists arguments.

A translation of `wall_oss_ros.bringup.graph` into launch actions; no name or parameter is declared
here.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch_ros.actions import Node

from wall_oss_ros.bringup.arguments import ARGUMENTS
from wall_oss_ros.bringup.graph import make_graph
from wall_oss_ros.bringup.locations import PACKAGE
from wall_oss_ros.core.errors import WallOssError


def _start(context: LaunchContext):
    given = {item.name: context.launch_configurations[item.name] for item in ARGUMENTS}
    try:
        graph = make_graph(given)
    except WallOssError as error:
        # One sentence instead of launch's traceback.
        raise SystemExit(f"wall_oss_ros: {error}") from None
    actions = [SetEnvironmentVariable(name, value) for name, value in graph.environment.items()]
    for spec in graph.nodes:
        files = [str(spec.parameter_file)] if spec.parameter_file else []
        node = Node(
            package=PACKAGE,
            executable=spec.executable,
            name=spec.executable,
            namespace=graph.namespace,
            parameters=[*files, dict(spec.parameters)],
            arguments=["--ros-args", "--log-level", graph.log_level],
            output="screen",
        )
        actions += [node, RegisterEventHandler(OnProcessExit(target_action=node, on_exit=_ended))]
    actions += [
        ExecuteProcess(cmd=list(tool.command), name=tool.name, output="screen")
        for tool in graph.tools
    ]
    return actions


def _ended(event, context: LaunchContext):
    """Status 1 is a configuration error that its sentence explains: end everything.

    A node that is killed is not: the supervisor stops the robot and must stay.
    """
    if event.returncode == 1:
        return [EmitEvent(event=Shutdown(reason=f"{event.process_name} ended with status 1"))]
    return []


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
