"""What a person may ask of the running graph: one message or one service call each, all or nothing.

None of it is repeated, none of it waits, and nothing depends on the person staying: whoever asks
may vanish in the next moment, and the robot goes on as the supervisor judges it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Float64, String
from std_srvs.srv import SetBool, Trigger

from wall_oss_ros.ros import qos
from wall_oss_ros.srv import LabelEpisode, StartEpisode, StopEpisode

# Called with whether it was done, and the answer in words; on the node's executor, or at once.
Tell = Callable[[bool, str], None]

_SAFETY, _RECORDER, _EXECUTOR = "safety_supervisor", "episode_recorder", "chunk_executor"
# An answer that has not come by then does not come [s]; finishing an episode takes longest.
_PATIENCE_S, _FINISHING_S = 5.0, 60.0


class PersonCommands:
    """Clients and publishers of everything a person may ask. Methods may be called on any thread.

    The node must be spun, for the answers, and `expire` called now and then.
    """

    def __init__(self, node: Node) -> None:
        """Create them.

        Args:
            node: owner.
        """
        self._lock = threading.Lock()
        self._waiting: dict[Any, tuple[Any, float, str, Tell]] = {}
        self._instruction = node.create_publisher(String, "instruction", qos.STATE)
        self._speed = node.create_publisher(Float64, f"{_EXECUTOR}/speed_scale", qos.STATE)
        create = node.create_client
        self._estop = create(Trigger, f"{_SAFETY}/estop")
        self._reset = create(Trigger, f"{_SAFETY}/reset")
        self._enable = create(SetBool, f"{_SAFETY}/enable_motion")
        self._start = create(StartEpisode, f"{_RECORDER}/start")
        self._stop = create(StopEpisode, f"{_RECORDER}/stop")
        self._discard = create(Trigger, f"{_RECORDER}/discard")
        self._label = create(LabelEpisode, f"{_RECORDER}/label")

    def instruct(self, text: str) -> None:
        """Say what the robot is to do."""
        self._instruction.publish(String(data=text))

    def set_speed(self, scale: float) -> None:
        """Ask for a speed scale, 0 to 1."""
        self._speed.publish(Float64(data=min(max(float(scale), 0.0), 1.0)))

    def estop(self, tell: Tell) -> None:
        """Stop the robot at once."""
        self._call(self._estop, Trigger.Request(), "e-stop", tell)

    def reset(self, tell: Tell) -> None:
        """Leave the e-stop, if the supervisor finds that possible."""
        self._call(self._reset, Trigger.Request(), "reset", tell)

    def enable(self, enabled: bool, tell: Tell) -> None:
        """Allow motion, or revoke it."""
        what = "enable motion" if enabled else "disable motion"
        self._call(self._enable, SetBool.Request(data=enabled), what, tell)

    def start_recording(self, instruction: str, tell: Tell) -> None:
        """Begin an episode."""
        request = StartEpisode.Request(instruction=instruction)
        self._call(self._start, request, "start recording", tell)

    def stop_recording(self, outcome: str, notes: str, tell: Tell) -> None:
        """End the episode with a label."""
        request = StopEpisode.Request(outcome=outcome, progress=-1.0, notes=notes)
        self._call(self._stop, request, "stop recording", tell, _FINISHING_S)

    def discard_recording(self, tell: Tell) -> None:
        """Throw the running episode away."""
        self._call(self._discard, Trigger.Request(), "discard recording", tell)

    def label_recording(self, outcome: str, notes: str, tell: Tell) -> None:
        """Label the last episode anew."""
        request = LabelEpisode.Request(outcome=outcome, progress=-1.0, notes=notes)
        self._call(self._label, request, "label", tell)

    def expire(self) -> None:
        """Give up on answers that are overdue, and say so."""
        now_s = time.monotonic()
        with self._lock:
            late = [future for future, entry in self._waiting.items() if entry[1] < now_s]
            entries = [(future, self._waiting.pop(future)) for future in late]
        for future, (client, _, what, tell) in entries:
            client.remove_pending_request(future)
            tell(False, f"{what}: no answer; whether it was done is seen in the state")

    def _call(
        self, client: Any, request: Any, what: str, tell: Tell, patience_s: float = _PATIENCE_S
    ) -> None:
        if not client.service_is_ready():
            node = client.srv_name.rpartition("/")[0].rpartition("/")[2]
            tell(False, f"{what}: {node} is not running")
            return
        future = client.call_async(request)
        with self._lock:
            self._waiting[future] = (client, time.monotonic() + patience_s, what, tell)
        future.add_done_callback(self._answered)

    def _answered(self, future: Any) -> None:
        with self._lock:
            entry = self._waiting.pop(future, None)
        if entry is None or future.cancelled():
            return
        error = future.exception()
        if error is not None:
            entry[3](False, f"{entry[2]}: {error}")
            return
        answer = future.result()
        said = answer.message or ("done" if answer.success else "refused")
        entry[3](bool(answer.success), f"{entry[2]}: {said}")
