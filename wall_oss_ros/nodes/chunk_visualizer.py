"""chunk_visualizer: what the policy intends, what safety cut and what was executed, for RViz."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Path
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk
from wall_oss_ros.core.chunk_targets import chunk_targets
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.kinematics import MinkKinematics
from wall_oss_ros.messages.joint_states import joint_sample
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.intent_watch import IntentWatch
from wall_oss_ros.ros.loop import DeadlineLoop
from wall_oss_ros.ros.marker_message import MarkerBoard
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.parameters import declare
from wall_oss_ros.ros.polling import OnDemandSubscriber
from wall_oss_ros.ros.preview_messages import joint_preview, tool_path

_LIFETIME_S = 1.0


class ChunkVisualizerNode(SuiteNode):
    """Draws ten times a second, and only what somebody looks at.

    Everything is polled when it is drawn (`IntentWatch`), and listened to only while somebody looks
    at what is drawn of it.
    """

    def __init__(self) -> None:
        super().__init__("chunk_visualizer")
        self._rate = declare(
            self,
            "rate",
            10.0,
            "how often it is drawn, with a heartbeat each time [Hz]",
            low=5.0,
            high=60.0,
        )
        self._trail_s = declare(
            self, "trail_s", 5.0, "how much of the executed motion is shown [s]", low=0.1, high=60.0
        )

    def build(self, contract: RobotContract) -> None:
        """Subscribe, and create what is drawn to."""
        self._contract = contract
        self._kinematics: MinkKinematics | None = None
        self._selector = JointSelector(contract.joint_names)
        self._watch = IntentWatch(self, contract, self._trail_s)
        self._joints: JointSample | None = None
        self._measured = OnDemandSubscriber(
            self, JointState, contract.joint_states.topic, qos.MEASURED
        )
        self._measured.registerCallback(self._on_joints)
        self._previewed = self._drawn = 0
        self._board = MarkerBoard(_LIFETIME_S)
        create = self.create_lifecycle_publisher
        self._markers = create(MarkerArray, "visualization/markers", qos.NEWEST)
        self._paths = {
            side: create(Path, f"visualization/{side}_path", qos.NEWEST)
            for side in action_space.SIDES
        }
        self._preview = create(JointTrajectory, "visualization/joint_preview", qos.NEWEST)
        self._loop = DeadlineLoop(self._rate, self._tick, self.on_thread_error, self.get_name())
        self.beat_from_loop()

    def start(self) -> None:
        """Begin to draw."""
        self._loop.start()

    def stop(self) -> None:
        """Draw no more."""
        self._loop.stop()

    def _on_joints(self, message: JointState) -> None:
        try:
            self._joints = joint_sample(message, self._selector)
        except MessageError:
            self._joints = None

    # -- drawing ----------------------------------------------------------------------------------

    def _tick(self) -> None:
        self.beat()
        if self._look_for_watchers():
            self._draw()

    def _draw(self) -> None:
        self._watch.poll()
        self._measured.poll()
        now_ns = self.now_ns()
        if self._markers.get_subscription_count() > 0:
            marks = [
                *self._watch.intents(now_ns),
                *self._watch.words(),
                *self._watch.trail(),
            ]
            self._markers.publish(self._board.update(marks, now_ns))
            self._drawn += 1
        chunk = self._watch.chunk(now_ns)
        if chunk is not None and chunk.seq != self._previewed:
            self._previewed = chunk.seq
            self._show_rows(chunk)

    def _look_for_watchers(self) -> bool:
        """Return whether somebody looks at anything, and listen to what that takes."""
        previewed = self._preview.get_subscription_count() > 0
        self._measured.want(previewed)
        if not previewed:
            self._joints = None
        others = (self._markers, *self._paths.values())
        watched = previewed or any(other.get_subscription_count() > 0 for other in others)
        self._watch.attend(watched)
        return watched

    def _show_rows(self, chunk: ActionChunk) -> None:
        for side, publisher in self._paths.items():
            if publisher.get_subscription_count() > 0 and chunk.commands(f"{side}_arm"):
                publisher.publish(tool_path(chunk, side, self._contract.arms[side].frame))
        if self._preview.get_subscription_count() > 0 and self._joints is not None:
            if self._kinematics is None:
                self._kinematics = MinkKinematics(self._contract)
            targets, direct = chunk_targets(chunk, self._contract, 0, chunk.horizon)
            rows = self._kinematics.reach(self._joints.position_of(), targets, direct)
            self._preview.publish(joint_preview(chunk, [row.positions for row in rows]))

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return what was drawn."""
        if not self.active:
            return super().report()
        watched = self._markers.get_subscription_count()
        return (
            DiagnosticStatus.OK,
            "drawing" if watched else "nobody looks",
            {
                "pictures": str(self._drawn),
                "messages that could not be read": str(self._watch.refused),
            },
        )


def main() -> int:
    """Run the node."""
    return run(ChunkVisualizerNode)
