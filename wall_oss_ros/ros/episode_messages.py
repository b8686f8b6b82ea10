"""What the episode recorder subscribes to, is asked and says, between messages and core."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from rclpy.qos import QoSProfile

from wall_oss_ros.core.episode import EpisodeLabel
from wall_oss_ros.core.recorded_topics import RecordedTopic
from wall_oss_ros.core.recorder_settings import RecorderReport
from wall_oss_ros.msg import EpisodeState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.stamps import to_stamp


def message_class(kind: str) -> type:
    """Return the class of a message type such as "sensor_msgs/msg/Image"."""
    package, _, name = kind.partition("/msg/")
    found: type = getattr(import_module(f"{package}.msg"), name)
    return found


def recording_profile(topic: RecordedTopic) -> QoSProfile:
    """Return how to subscribe to a topic for a recording: with a history, and holding nobody up.

    What is latched is reliable, so that it comes at all; a reliable subscription to what comes
    often could make its publisher wait.
    """
    return qos.STATE if topic.latched else qos.RECORDING


def labelled(label: EpisodeLabel, request: Any) -> EpisodeLabel:
    """Return a label with what a StopEpisode or LabelEpisode request says.

    Raises:
        EpisodeError: for an unknown outcome or a progress above 1.
    """
    notes = "; ".join(text for text in (label.notes, request.notes) if text)
    return replace(
        label,
        outcome=request.outcome or label.outcome,
        progress=label.progress if request.progress < 0.0 else request.progress,
        notes=notes,
    )


def state_message(report: RecorderReport, trouble: str, now_ns: int) -> EpisodeState:
    """Return the recorder's state as a message."""
    message = EpisodeState(
        state=EpisodeState.RECORDING if report.recording else EpisodeState.IDLE,
        reason="recording" if report.recording else "waiting for a start",
        episode=report.episode,
        instruction=report.instruction,
        duration=report.seconds,
        bytes=report.bytes,
        messages=sum(account.written for account in report.accounts),
        topics=[account.topic for account in report.accounts],
        topic_messages=[account.written for account in report.accounts],
        topic_rates=list(report.rates_hz) if report.accounts else [],
        warnings=list(report.warnings),
    )
    if trouble and not report.recording:
        message.state, message.reason = EpisodeState.FAULT, trouble
    message.header.stamp = to_stamp(now_ns)
    return message
