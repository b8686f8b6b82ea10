"""Records episodes: what its thread does every few milliseconds, and what a person asks of it."""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rosbags.typesys.store import Typestore

from wall_oss_ros.core.episode import EpisodeLabel, EpisodeRecord, Mark, Provenance, TopicAccount
from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.core.recorded_topics import COMPRESSED_SUFFIX, RecordedTopic
from wall_oss_ros.core.recorder_settings import RecorderReport, RecorderSettings
from wall_oss_ros.data.episode_writer import Channel, EpisodeWriter
from wall_oss_ros.data.intake import Arrival, Intake
from wall_oss_ros.data.picture_encoder import JPEG_TYPE, RAW_TYPE, PictureEncoder
from wall_oss_ros.data.ring import Ring

_SECOND_NS = 1_000_000_000
_MIB = 2**20
# What a crash may cost.
_FLUSH_NS = _SECOND_NS // 2
# How often disk and rates are looked at, and over how long a rate is taken.
_LOOK_NS, _RATE_NS = _SECOND_NS // 2, 3 * _SECOND_NS


class EpisodeRecorder:
    """Writes what `intake` is offered while an episode is recorded, and keeps a ring of it.

    `step` is called by one thread; everything else may be called by others.

    Attributes:
        intake: takes messages, on any thread.
        root: folder of the episodes.
        trouble: why the last episode ended by itself, or nothing is recorded; empty if all is well.
    """

    def __init__(
        self,
        root: Path,
        topics: Sequence[RecordedTopic],
        prefix: str,
        types: Typestore,
        settings: RecorderSettings,
    ) -> None:
        """Prepare.

        Args:
            root: folder of the episodes.
            topics: what is recorded; messages are offered by their place here.
            prefix: put before their names in the bag, "/" or "/namespace/".
            types: knows their types.
            settings: see there.
        """
        self.root, self._types, self._settings = root, types, settings
        self._topics = tuple(topics)
        self._encoders = [self._encoder(topic) for topic in self._topics]
        self._channels = [
            Channel(prefix + topic.topic + COMPRESSED_SUFFIX, JPEG_TYPE)
            if encoder is not None
            else Channel(prefix + topic.topic, topic.kind, topic.latched)
            for topic, encoder in zip(self._topics, self._encoders, strict=True)
        ]
        self.intake = Intake(len(self._topics), settings.queue_mb * _MIB)
        self._ring = Ring(settings.ring_s, settings.ring_mb * _MIB)
        self._latched: dict[int, Arrival] = {}
        self._lock = threading.RLock()
        self._writer: EpisodeWriter | None = None
        self._record: EpisodeRecord | None = None
        self._base: tuple[list[int], list[int]] = ([], [])
        self._episode = self._instruction = ""
        self._now_ns = self._flushed_ns = self._looked_ns = 0
        self._counts: deque[tuple[int, list[int]]] = deque()
        self._rates = [0.0] * len(self._topics)
        self._kept: tuple[int, str, Provenance, str] | None = None
        self._unreadable = ""
        self.trouble = ""

    # -- on any thread ----------------------------------------------------------------------------

    @property
    def recording(self) -> bool:
        """Whether an episode is being recorded."""
        return self._writer is not None

    def start(self, name: str, label: EpisodeLabel, provenance: Provenance, now_ns: int) -> Path:
        """Begin an episode; return the folder it will have.

        Raises:
            EpisodeError: if one is being recorded, the disk is nearly full or cannot be written to,
                or the name is no folder name or taken.
        """
        with self._lock:
            if self._writer is not None:
                raise EpisodeError(f"episode '{self._episode}' is being recorded; stop it first")
            check_name(name)
            self._check_disk()
            self._now_ns = now_ns
            self._take_in()  # what came before belongs to no episode
            record = EpisodeRecord(now_ns, label, provenance)
            self._writer = self._open(name, record)
            self._record, self._episode, self._instruction = record, name, label.instruction
            self._base = (list(self.intake.lost), list(self.intake.dropped))
            self.trouble, self._kept = "", None
            for arrival in self._latched.values():
                self._write(arrival._replace(stamp_ns=now_ns))
            return self._writer.path

    def mark(self, what: str, now_ns: int) -> None:
        """Note in the episode, if there is one, that something happened."""
        with self._lock:
            if self._record is not None:
                marks = (*self._record.marks, Mark(now_ns, what))
                self._record = replace(self._record, marks=marks)

    def describe(self, provenance: Provenance) -> None:
        """Replace what is known of the origin of the running episode."""
        with self._lock:
            if self._record is not None:
                self._record = replace(self._record, provenance=provenance)

    def stop(self, label: EpisodeLabel, ending: str, now_ns: int) -> Path:
        """End the episode; return its folder.

        Raises:
            EpisodeError: if none is being recorded, or it cannot be finished.
        """
        with self._lock:
            self._now_ns = now_ns
            self._take_in()
            writer, record = self._running()
            self._writer = self._record = None
            return writer.finish(
                replace(
                    record,
                    end_ns=now_ns,
                    label=label,
                    ending=ending,
                    accounts=self._accounts(writer),
                )
            )

    def discard(self) -> None:
        """Throw the running episode away.

        Raises:
            EpisodeError: if none is being recorded.
        """
        with self._lock:
            writer, _ = self._running()
            self._writer = self._record = None
            writer.discard()

    @property
    def label(self) -> EpisodeLabel:
        """What was said of the running episode; an empty label without one."""
        with self._lock:
            return self._record.label if self._record is not None else EpisodeLabel()

    def keep(self, name: str, provenance: Provenance, why: str, due_ns: int) -> None:
        """Make an episode of the ring at a time [ns], so that it holds what comes until then, too.

        If an episode is begun before, that one will hold it.
        """
        with self._lock:
            self._kept = (due_ns, name, provenance, why)

    # -- on the writing thread --------------------------------------------------------------------

    def step(self, now_ns: int) -> str:
        """Write what has come; return what else was done, in words.

        An episode that cannot go on is ended, see `trouble`.

        Args:
            now_ns: the time of day [ns].
        """
        with self._lock:
            self._now_ns = now_ns
            try:
                self._take_in()
                if self._writer is not None and now_ns - self._flushed_ns >= _FLUSH_NS:
                    self._flushed_ns = now_ns
                    self._writer.flush()
                if now_ns - self._looked_ns >= _LOOK_NS:
                    self._look(now_ns)
                if self._kept is not None and now_ns >= self._kept[0]:
                    (_, name, provenance, why), self._kept = self._kept, None
                    return self._save_ring(name, provenance, why, now_ns)
            except EpisodeError as error:
                self._give_up(str(error))
            return ""

    def _look(self, now_ns: int) -> None:
        self._looked_ns = now_ns
        counts = list(self.intake.received)
        self._counts.append((now_ns, counts))
        while len(self._counts) > 2 and now_ns - self._counts[0][0] > _RATE_NS:
            self._counts.popleft()
        since_ns, before = self._counts[0]
        if now_ns > since_ns:
            seconds = (now_ns - since_ns) / _SECOND_NS
            self._rates = [(now - then) / seconds for now, then in zip(counts, before, strict=True)]
        if self._writer is not None:
            self._check_disk()

    def _take_in(self) -> None:
        for arrival in self.intake.take():
            encoder = self._encoders[arrival.channel]
            if encoder is not None:
                try:
                    arrival = arrival._replace(data=encoder.encode(arrival.data))
                except EpisodeError as error:
                    self._unreadable = f"{self._topics[arrival.channel].topic}: {error}"
                    self.intake.dropped[arrival.channel] += 1
                    continue
            if self._topics[arrival.channel].latched:
                self._latched[arrival.channel] = arrival
            self._ring.add(arrival)
            if self._writer is not None:
                self._write(arrival)

    def _write(self, arrival: Arrival) -> None:
        assert self._writer is not None
        self._writer.write(arrival.channel, arrival.stamp_ns, arrival.data)

    def _give_up(self, why: str) -> None:
        """End the episode as well as can be; the robot goes on."""
        writer, record = self._writer, self._record
        self._writer = self._record = None
        self.trouble = why
        if writer is None or record is None:
            return
        try:
            record = replace(
                record, end_ns=self._now_ns, ending=why, accounts=self._accounts(writer)
            )
            writer.finish(record)
        except EpisodeError as error:
            self.trouble = f"{why}; {error}"

    def _save_ring(self, name: str, provenance: Provenance, why: str, now_ns: int) -> str:
        kept = list(self._ring)
        if not kept:
            return f"the robot was stopped: {why}; nothing had come that could be kept"
        self._check_disk()
        record = EpisodeRecord(
            kept[0].stamp_ns, EpisodeLabel(notes=why), provenance, end_ns=now_ns, ending=why
        )
        writer = self._open(name, record)
        for arrival in kept:
            writer.write(arrival.channel, arrival.stamp_ns, arrival.data)
        accounts = tuple(
            TopicAccount(channel.topic, topic.expected_hz, written)
            for channel, topic, written in zip(
                self._channels, self._topics, writer.counts, strict=True
            )
        )
        path = writer.finish(replace(record, accounts=accounts))
        return f"the robot was stopped: {why}; the time around it is in {path}"

    # -- within the lock --------------------------------------------------------------------------

    def report(self, now_ns: int) -> RecorderReport:
        """Return how recording goes."""
        with self._lock:
            writer, record = self._writer, self._record
            seconds = (now_ns - record.begin_ns) / _SECOND_NS if record is not None else 0.0
            accounts = self._accounts(writer) if writer is not None else ()
            return RecorderReport(
                recording=writer is not None,
                episode=self._episode,
                instruction=self._instruction,
                seconds=seconds,
                accounts=accounts,
                rates_hz=tuple(self._rates),
                bytes=writer.written_bytes if writer is not None else 0,
                warnings=tuple(self._warnings(accounts, seconds)),
            )

    def _warnings(self, accounts: Sequence[TopicAccount], seconds: float) -> list[str]:
        warnings = [self.trouble] if self.trouble else []
        if self._unreadable:
            warnings.append(self._unreadable)
        for account in accounts:
            if account.lost or account.dropped:
                warnings.append(
                    f"{account.topic}: {account.lost} messages lost on the way, "
                    f"{account.dropped} dropped"
                )
        if seconds * _SECOND_NS > _RATE_NS:
            warnings += [
                f"{topic.topic}: {rate:.1f} Hz, expected {topic.expected_hz:.1f}"
                for topic, rate in zip(self._topics, self._rates, strict=True)
                if rate < self._settings.low_rate * topic.expected_hz
            ]
        return warnings

    def _accounts(self, writer: EpisodeWriter) -> tuple[TopicAccount, ...]:
        lost, dropped = self._base
        return tuple(
            TopicAccount(
                channel.topic,
                topic.expected_hz,
                writer.counts[i],
                self.intake.lost[i] - lost[i],
                self.intake.dropped[i] - dropped[i],
            )
            for i, (channel, topic) in enumerate(zip(self._channels, self._topics, strict=True))
        )

    def _running(self) -> tuple[EpisodeWriter, EpisodeRecord]:
        if self._writer is None or self._record is None:
            raise EpisodeError("no episode is being recorded; start one first")
        return self._writer, self._record

    def _open(self, name: str, record: EpisodeRecord) -> EpisodeWriter:
        return EpisodeWriter(self.root, name, self._channels, self._types, record)

    def _check_disk(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.root).free // _MIB
        except OSError as error:
            raise EpisodeError(f"cannot write to {self.root}: {error.strerror or error}") from None
        if free < self._settings.min_free_mb:
            raise EpisodeError(
                f"the disk of {self.root} is nearly full: {free} MiB left, limit "
                f"{self._settings.min_free_mb} (min_free_mb); make room, then start again"
            )

    def _encoder(self, topic: RecordedTopic) -> PictureEncoder | None:
        if topic.kind != RAW_TYPE or self._settings.jpeg_quality == 0:
            return None
        return PictureEncoder(self._types, self._settings.jpeg_quality)


def check_name(name: str) -> None:
    """Check that an episode can have this name.

    Raises:
        EpisodeError: if it is empty, hidden, or more than a name.
    """
    if not name or name.startswith(".") or "/" in name or "\0" in name or len(name) > 200:
        raise EpisodeError(
            f"episode name '{name}'; expected a folder name, without '/', not beginning with '.'"
        )
