"""What the episode recorder may cost, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.episode import TopicAccount
from wall_oss_ros.core.settings import Settings, setting


@dataclass(frozen=True, slots=True)
class RecorderSettings(Settings):
    """What is recorded, and what it may cost."""

    jpeg_quality: int = setting(
        90, "raw pictures are recorded as JPEG of this quality; 0: as they are", low=0, high=100
    )
    queue_mb: int = setting(
        256, "what may wait to be written [MiB]; beyond, messages are dropped", low=1, high=65536
    )
    ring_s: float = setting(
        20.0,
        "when the supervisor stops the robot while nothing is recorded, so much of the time before "
        "it is kept as an episode [s]; 0: nothing",
        low=0.0,
        high=600.0,
    )
    ring_mb: int = setting(512, "and at most so much [MiB]", low=1, high=65536)
    ring_after_s: float = setting(
        2.0, "how much of the time after it belongs to that episode [s]", low=0.0, high=60.0
    )
    min_free_mb: int = setting(
        2048, "recording ends when the disk has less left than this [MiB]", low=1, high=10**6
    )
    low_rate: float = setting(
        0.9, "a stream below this part of its expected rate is warned of", low=0.0, high=1.0
    )


@dataclass(frozen=True, slots=True)
class RecorderReport:
    """How recording goes.

    Attributes:
        recording: whether an episode is being recorded.
        episode: folder of this episode, or of the last one; empty before the first.
        instruction: of that episode.
        seconds: how long it is.
        accounts: per topic, of this episode; without one, counts of what came are 0.
        rates_hz: per topic, over the last seconds.
        bytes: written to the episode.
        warnings: what a person should look at.
    """

    recording: bool
    episode: str
    instruction: str
    seconds: float
    accounts: tuple[TopicAccount, ...]
    rates_hz: tuple[float, ...]
    bytes: int
    warnings: tuple[str, ...]
