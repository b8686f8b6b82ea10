"""episode_recorder: one bag per episode, started, stopped and labelled by services."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import String
from std_srvs.srv import Trigger

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.episode import EpisodeLabel, Provenance
from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.core.recorded_topics import recorded_topics
from wall_oss_ros.core.recorder_settings import RecorderSettings
from wall_oss_ros.data.bag_metadata import read_record, relabel
from wall_oss_ros.data.episode_repair import unfinished
from wall_oss_ros.data.intake import Arrival
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.data.provenance import with_parameters
from wall_oss_ros.data.recorder import EpisodeRecorder
from wall_oss_ros.msg import EpisodeState, SafetyState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.episode_messages import (
    labelled,
    message_class,
    recording_profile,
    state_message,
)
from wall_oss_ros.ros.locations import share_folder
from wall_oss_ros.ros.node import SuiteNode, run
from wall_oss_ros.ros.parameter_survey import ParameterSurvey
from wall_oss_ros.ros.parameters import declare, declare_settings
from wall_oss_ros.srv import LabelEpisode, StartEpisode, StopEpisode

_STEP_S = 0.05
_STATE_S = 0.5
_SURVEYED = ("camera_sync", "policy", "chunk_executor", "safety_supervisor", "sim_robot")
_STOPPED = (SafetyState.STOPPED, SafetyState.ESTOP)


class EpisodeRecorderNode(SuiteNode):
    """Wires an `EpisodeRecorder`: a listener receives, a thread writes, the executor answers."""

    def __init__(self) -> None:
        super().__init__("episode_recorder")
        self._settings = declare_settings(self, RecorderSettings)
        folder = declare(self, "folder", "episodes", "folder of the episodes")
        self._folder = Path(folder).expanduser().resolve()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def build(self, contract: RobotContract) -> None:
        """Create the recorder and subscribe to everything an episode holds."""
        self._contract = contract
        namespace = self.get_namespace().strip("/")
        text = Path(self.contract_path).read_text(encoding="utf-8")
        version = ElementTree.parse(share_folder() / "package.xml").findtext("version") or ""
        self._provenance = Provenance(
            version, contract.name, contract.schema_hash, text, namespace=namespace
        )
        topics = recorded_topics(contract)
        prefix = f"/{namespace}/" if namespace else "/"
        types = suite_types(share_folder() / "msg")
        self._recorder = EpisodeRecorder(self._folder, topics, prefix, types, self._settings)
        self._told = ""
        self._was_stopped: bool | None = None
        self._trouble = ""
        listener = self.listener("recorder")
        for channel, topic in enumerate(topics):
            listener.subscribe_raw(
                message_class(topic.kind),
                topic.topic,
                partial(self._receive, channel),
                recording_profile(topic),
            )
        listener.start()
        self._survey = ParameterSurvey(self, _SURVEYED, self._on_parameters)
        self._publisher = self.create_lifecycle_publisher(EpisodeState, "recorder/state", qos.STATE)
        self.listen_to_people(String, "instruction", self._on_instruction)
        self.create_subscription(SafetyState, "safety/state", self._on_safety, qos.STATE)
        self.create_timer(_STATE_S, self._publish)
        self.create_service(StartEpisode, "~/start", self._on_start)
        self.create_service(StopEpisode, "~/stop", self._on_stop)
        self.create_service(Trigger, "~/discard", self._on_discard)
        self.create_service(LabelEpisode, "~/label", self._on_label)

    def start(self) -> None:
        """Begin to write; say what an earlier crash has left."""
        for left in unfinished(self._folder):
            self.get_logger().warning(
                f"{left} was never finished; `wall-oss repair {self._folder}` makes an episode "
                "of it"
            )
        self._survey.ask()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being recorded."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if self._recorder.recording:
            path = self._recorder.stop(
                self._recorder.label, "the recorder was stopped", self.now_ns()
            )
            self.get_logger().info(f"finished {path}, unlabelled: the recorder was stopped")

    # -- the listener's thread, the writer's thread -----------------------------------------------

    def _receive(self, channel: int, data: bytes, publisher: bytes, number: int) -> None:
        self._recorder.intake.offer(Arrival(channel, self.now_ns(), data), publisher, number)

    def _write(self) -> None:
        try:
            while not self._stopping.wait(_STEP_S):
                if done := self._recorder.step(self.now_ns()):
                    self.get_logger().info(done)
                if self._recorder.trouble != self._trouble:
                    self._trouble = self._recorder.trouble
                    if self._trouble:
                        self.get_logger().error(self._trouble)
        except BaseException as error:
            self.on_thread_error(error)

    def on_thread_error(self, error: BaseException) -> None:
        """Say that nothing is recorded any more; the robot need not stop for it."""
        self.get_logger().fatal("".join(traceback.format_exception(error)))
        self._recorder.trouble = self._trouble = (
            f"recording has ended: {error!r}; start the node again"
        )

    # -- the executor's thread --------------------------------------------------------------------

    def _on_instruction(self, message: String) -> None:
        self._told = message.data

    def _on_safety(self, message: SafetyState) -> None:
        stopped = message.mode in _STOPPED and bool(message.latched_causes)
        before, self._was_stopped = self._was_stopped, stopped
        if not stopped or before is not False:  # neither still, nor from the beginning
            return
        why = "; ".join(message.latched_causes)
        if self._recorder.recording:
            self._recorder.mark(f"the supervisor stopped the robot: {why}", self.now_ns())
        elif self.active and self._settings.ring_s > 0.0:
            due_ns = self.now_ns() + round(self._settings.ring_after_s * 1e9)
            self._recorder.keep(f"{_time_of_day()}_stop", self._provenance, why, due_ns)

    def _on_parameters(self) -> None:
        self._provenance = with_parameters(self._provenance, self._survey.found)
        self._recorder.describe(self._provenance)

    def _on_start(
        self, request: StartEpisode.Request, response: StartEpisode.Response
    ) -> StartEpisode.Response:
        def start() -> Path:
            if not self.active:
                raise EpisodeError("the recorder is not active")
            label = EpisodeLabel(request.instruction or self._told, notes=request.notes)
            name = request.name or _time_of_day()
            path = self._recorder.start(name, label, self._provenance, self.now_ns())
            self._survey.ask()
            return path

        return self._answer(start, response, "recording {}")

    def _on_stop(
        self, request: StopEpisode.Request, response: StopEpisode.Response
    ) -> StopEpisode.Response:
        def stop() -> Path:
            label = labelled(self._recorder.label, request)
            return self._recorder.stop(label, "stopped by a person", self.now_ns())

        return self._answer(stop, response, "recorded {}")

    def _on_discard(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._recorder.discard()
            response.success, response.message = True, "the episode is thrown away"
        except EpisodeError as error:
            response.message = str(error)
        return response

    def _on_label(
        self, request: LabelEpisode.Request, response: LabelEpisode.Response
    ) -> LabelEpisode.Response:
        try:
            name = request.episode or self._recorder.report(self.now_ns()).episode
            if not name:
                raise EpisodeError("no episode was recorded yet; name one")
            bag = self._folder / name
            label = labelled(read_record(bag).label, request)
            if request.instruction:
                label = replace(label, instruction=request.instruction)
            response.success, response.message = True, str(relabel(bag, label).label)
        except EpisodeError as error:
            response.message = str(error)
        return response

    def _answer(self, do: Callable[[], Path], response: Any, done: str) -> Any:
        try:
            path = do()
        except EpisodeError as error:
            response.message = str(error)
            self.get_logger().error(str(error))
            return response
        response.success, response.message = True, done.format(path)
        response.episode = str(path)
        self.get_logger().info(response.message)
        self._publish()
        return response

    def _publish(self) -> None:
        if self.active:
            report = self._recorder.report(self.now_ns())
            self._publisher.publish(state_message(report, self._recorder.trouble, self.now_ns()))

    def report(self) -> tuple[int, str, dict[str, str]]:
        """Return what is recorded, and what a person should look at."""
        if not self.active:
            return super().report()
        report = self._recorder.report(self.now_ns())
        values = {"episode": report.episode, "bytes": str(report.bytes)}
        if report.warnings:
            return DiagnosticStatus.WARN, "; ".join(report.warnings), values
        return DiagnosticStatus.OK, "recording" if report.recording else "not recording", values


def _time_of_day() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%d_%H%M%S_%f")[:-3]


def main() -> int:
    """Run the node."""
    return run(EpisodeRecorderNode)
