"""Turn separate streams into observations, or say which stream is why there is none.

Python's ApproximateTimeSynchronizer takes the first set that fits, has no staleness limit and does
not say which input is missing; here the nearest set wins, every stream has an age limit, and every
absence has a reason. Nothing is ever filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.liveness import FrozenDetector
from wall_oss_ros.core.observation import CameraFrame, JointSample, Observation, state_vector
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.core.rates import RateMeter
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.settings import Settings, setting
from wall_oss_ros.core.stream import PushOutcome, Sample, StreamBuffer

SECOND_NS = 1_000_000_000

# Sets nearer to each other than this share of the fastest camera's period are the same set.
_SAME_SET = 0.5

Decode = Callable[[object], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class AssemblerSettings(Settings):
    """Limits of what counts as one instant."""

    slop_s: float = setting(
        0.05, "largest spread of the cameras' capture stamps [s]", low=0.001, high=1.0
    )
    max_age_s: float = setting(
        0.5, "oldest picture that may still be used [s]", low=0.01, high=10.0
    )
    state_max_age_s: float = setting(
        0.1, "oldest joint or odometry sample at the pictures' instant [s]", low=0.001, high=5.0
    )
    frozen_after_s: float = setting(
        0.6, "how long a picture or a stamp may stand still [s]", low=0.05, high=60.0
    )
    future_tolerance_s: float = setting(
        0.1, "how far a stamp may lie ahead of this machine's clock [s]", low=0.0, high=1.0
    )
    refuse_after_s: float = setting(
        2.0,
        "a stream that gave nothing usable for this long is a configuration error [s]",
        low=0.1,
        high=60.0,
    )


@dataclass(frozen=True, slots=True)
class StreamFault:
    """Why a stream cannot be used now. `reason` is for people."""

    stream: str
    reason: str

    def __str__(self) -> str:
        return f"{self.stream}: {self.reason}"


@dataclass(frozen=True, slots=True)
class StreamReport:
    """Health of one stream: rates [Hz], age of the newest sample [s], counts, fault or ""."""

    stream: str
    expected_hz: float
    rate_hz: float
    age_s: float
    received: int
    late: int
    fault: str


class _Stream:
    """Bookkeeping of one input: history, rate, last refusal."""

    def __init__(self, name: str, rate_hz: float, delay_s: float, history_s: float) -> None:
        self.name = name
        self.expected_hz = rate_hz
        self.delay_ns = round(delay_s * SECOND_NS)
        self.buffer: StreamBuffer[object] = StreamBuffer(max(4, round(rate_hz * history_s)))
        self.rate = RateMeter()
        self.late = 0
        self.refusal: str | None = None
        # For telling a passing fault from a stream that never gave anything usable.
        self.complaint = ""
        self.refused_since_ns: int | None = None
        self.undecodable = False
        self.proven = False
        self.shape: tuple[int, ...] | None = None  # of its first picture

    def push(self, stamp_ns: int, now_ns: int, value: object, future_ns: int) -> None:
        self.rate.tick(now_ns)
        stamp_ns -= self.delay_ns
        if stamp_ns > now_ns + future_ns:
            ahead = (stamp_ns - now_ns) / SECOND_NS
            self.refuse(f"stamps are {ahead:.2f} s in the future; synchronise the clocks", now_ns)
            return
        if self.buffer.push(stamp_ns, now_ns, value) is PushOutcome.LATE:
            self.late += 1
        self.refusal = None
        if not self.undecodable:
            self.refused_since_ns = None

    def refuse(self, reason: str, now_ns: int, *, undecodable: bool = False) -> None:
        self.refusal = self.complaint = reason
        self.undecodable = self.undecodable or undecodable
        if self.refused_since_ns is None:
            self.refused_since_ns = now_ns

    def prove(self) -> None:
        """Note that something of this stream was really used."""
        self.proven, self.undecodable, self.refused_since_ns = True, False, None

    def age_s(self, now_ns: int) -> float:
        newest = self.buffer.newest
        return float("inf") if newest is None else (now_ns - newest.stamp_ns) / SECOND_NS

    def fault(self, now_ns: int, limit_s: float) -> str | None:
        if self.refusal is not None:
            return self.refusal
        if self.buffer.newest is None:
            return "nothing received yet"
        age = self.age_s(now_ns)
        return f"newest sample is {age:.2f} s old, limit {limit_s:.2f} s" if age > limit_s else None


class ObservationAssembler:
    """Collects cameras, joints and odometry; gives one observation per new set of pictures.

    Not thread-safe: one thread pushes and assembles.
    """

    def __init__(
        self,
        contract: RobotContract,
        kinematics: ForwardKinematics,
        decode: Decode,
        settings: AssemblerSettings,
    ) -> None:
        """Create the assembler.

        Args:
            contract: the robot.
            kinematics: for tool poses of the measured joints.
            decode: message to (height, width, 3) uint8 RGB; raises MessageError.
            settings: limits.
        """
        self._contract = contract
        self._kinematics = kinematics
        self._decode = decode
        self._settings = settings
        history_s = settings.max_age_s + 1.0
        self._cameras = {
            name: _Stream(f"camera {name}", camera.rate, camera.capture_delay, history_s)
            for name, camera in contract.cameras.items()
        }
        self._frozen = {name: FrozenDetector(settings.frozen_after_s) for name in self._cameras}
        stream = contract.joint_states
        self._joints = _Stream("joint_states", stream.rate, stream.capture_delay, history_s)
        self._twist: _Stream | None = None
        if contract.odometry is not None:
            stream = contract.odometry
            self._twist = _Stream("odometry", stream.rate, stream.capture_delay, history_s)
        self._future_ns = round(settings.future_tolerance_s * SECOND_NS)
        self._last_ns: int | None = None
        # Cameras that stamp a little apart make the instant move on with every single picture; only
        # the first of these sets is new, the others would be old pictures a period late.
        fastest_hz = max(camera.rate for camera in contract.cameras.values())
        self._same_set_ns = round(_SAME_SET * SECOND_NS / fastest_hz)
        self._seq = 0
        self._set_fault: StreamFault | None = None

    def push_image(
        self, name: str, stamp_ns: int, now_ns: int, message: object, fingerprint: int
    ) -> None:
        """Take a picture; it is decoded only if it becomes part of an observation.

        Args:
            name: camera name in the contract.
            stamp_ns: stamp of the message [ns].
            now_ns: when it arrived [ns].
            message: what `decode` understands.
            fingerprint: checksum of its bytes.
        """
        self._frozen[name].observe(stamp_ns, now_ns, fingerprint)
        self._cameras[name].push(stamp_ns, now_ns, message, self._future_ns)

    def push_joints(self, sample: JointSample, now_ns: int) -> None:
        """Take measured joints, already selected by name."""
        self._push_state(self._joints, sample.stamp_ns, now_ns, sample)

    def push_twist(self, stamp_ns: int, now_ns: int, twist: Array) -> None:
        """Take the measured base twist (3,): vx, vy [m/s], wz [rad/s] in the base frame."""
        if self._twist is None:
            raise ValueError("the contract has no odometry")
        if not np.all(np.isfinite(twist)):
            self._twist.refuse("twist is not finite", now_ns)
            return
        self._push_state(self._twist, stamp_ns, now_ns, frozen_array(twist, (3,)))

    def _push_state(self, stream: _Stream, stamp_ns: int, now_ns: int, value: object) -> None:
        stream.push(stamp_ns, now_ns, value, self._future_ns)
        if stream.refusal is None:
            stream.prove()  # a state is checked before it is pushed; a picture when it is decoded

    def refuse(self, stream: str, reason: str, now_ns: int) -> None:
        """Note that a message of a stream (camera name, "joint_states") cannot be used."""
        (self._joints if stream == "joint_states" else self._cameras[stream]).refuse(reason, now_ns)

    def assemble(self, now_ns: int) -> Observation | None:
        """Return the newest complete set that was not given yet, or None; `faults` says why."""
        if any(fault is not None for _, fault in self._stream_faults(now_ns)):
            return None
        newest = [_newest(stream).stamp_ns for stream in self._cameras.values()]
        # Every camera has a picture at least as new as the one that lags most, so the nearest one
        # of each to that instant is final and need not be waited for.
        instant_ns = min(newest)
        if self._last_ns is not None and 0 <= instant_ns - self._last_ns < self._same_set_ns:
            return None
        chosen = {
            name: _present(stream.buffer.nearest(instant_ns))
            for name, stream in self._cameras.items()
        }
        observation = self._observe(instant_ns, chosen, now_ns)
        if observation is not None:
            self._last_ns, self._set_fault = instant_ns, None
        return observation

    def faults(self, now_ns: int) -> tuple[StreamFault, ...]:
        """Return every reason why there is no observation now; empty when all is well."""
        faults = [
            StreamFault(stream.name, fault)
            for stream, fault in self._stream_faults(now_ns)
            if fault is not None
        ]
        if not faults and self._set_fault is not None:
            faults.append(self._set_fault)
        return tuple(faults)

    def misfits(self, now_ns: int) -> tuple[StreamFault, ...]:
        """Return streams that never gave anything usable: the contract does not fit the robot."""
        limit_ns = round(self._settings.refuse_after_s * SECOND_NS)
        return tuple(
            StreamFault(stream.name, stream.complaint)
            for stream in self._streams()
            if not stream.proven
            and stream.refused_since_ns is not None
            and now_ns - stream.refused_since_ns >= limit_ns
        )

    def reports(self, now_ns: int) -> tuple[StreamReport, ...]:
        """Return the health of every stream."""
        return tuple(
            StreamReport(
                stream=stream.name,
                expected_hz=stream.expected_hz,
                rate_hz=stream.rate.rate_hz(now_ns),
                age_s=stream.age_s(now_ns),
                received=stream.rate.total,
                late=stream.late,
                fault=fault or "",
            )
            for stream, fault in self._stream_faults(now_ns)
        )

    def _streams(self) -> list[_Stream]:
        return [*self._cameras.values(), *self._state_streams()]

    def _state_streams(self) -> list[_Stream]:
        return [self._joints] + ([self._twist] if self._twist is not None else [])

    def _stream_faults(self, now_ns: int) -> list[tuple[_Stream, str | None]]:
        faults: list[tuple[_Stream, str | None]] = []
        for name, stream in self._cameras.items():
            fault = stream.fault(now_ns, self._settings.max_age_s) or self._frozen[name].fault()
            faults.append((stream, fault))
        # A state sample is judged against the pictures' instant too; this is the live check.
        limit_s = self._settings.max_age_s
        faults += [(stream, stream.fault(now_ns, limit_s)) for stream in self._state_streams()]
        return faults

    def _observe(
        self, instant_ns: int, chosen: dict[str, Sample[object]], now_ns: int
    ) -> Observation | None:
        stamps = {name: sample.stamp_ns for name, sample in chosen.items()}
        skew_s = (max(stamps.values()) - min(stamps.values())) / SECOND_NS
        if skew_s > self._settings.slop_s:
            ahead = max(stamps, key=lambda name: abs(stamps[name] - instant_ns))
            self._fail(
                f"camera {ahead}",
                f"its picture nearest to the others is {skew_s * 1e3:.0f} ms away, slop "
                f"{self._settings.slop_s * 1e3:.0f} ms; frames are missing or the rates differ",
            )
            return None
        joints = self._state_at(self._joints, instant_ns)
        if joints is None:
            return None
        twist = np.zeros(3)
        if self._twist is not None:
            sample = self._state_at(self._twist, instant_ns)
            if sample is None:
                return None
            twist = sample.value  # type: ignore[assignment]
        frames = self._decoded(chosen, now_ns)
        if frames is None:
            return None
        measured: JointSample = joints.value  # type: ignore[assignment]
        positions = measured.position_of()
        tools = self._kinematics.tool_poses(positions)
        self._seq += 1
        return Observation(
            stamp_ns=instant_ns,
            seq=self._seq,
            cameras=frames,
            skew_s=skew_s,
            joints=measured,
            joint_age_s=(instant_ns - joints.stamp_ns) / SECOND_NS,
            tools=tools,
            base_twist=frozen_array(twist),
            state=state_vector(self._contract, positions, tools, twist),
            schema=self._contract.schema_hash,
        )

    def _decoded(
        self, chosen: dict[str, Sample[object]], now_ns: int
    ) -> tuple[CameraFrame, ...] | None:
        frames = []
        for name, sample in chosen.items():
            stream = self._cameras[name]
            try:
                pixels = self._decode(sample.value)
            except MessageError as error:
                stream.refuse(str(error), now_ns, undecodable=True)
                return None
            stream.shape = stream.shape or pixels.shape
            if pixels.shape != stream.shape:
                stream.refuse(
                    f"pictures are {_size(pixels.shape)} px, but began as {_size(stream.shape)}: "
                    "the camera was set up anew; if that is meant, start camera_sync again",
                    now_ns,
                )
                return None
            stream.prove()
            frames.append(
                CameraFrame(
                    name=name,
                    label=self._contract.cameras[name].label,
                    stamp_ns=sample.stamp_ns,
                    age_s=(now_ns - sample.stamp_ns) / SECOND_NS,
                    pixels=pixels,
                    source=sample.value,
                )
            )
        return tuple(frames)

    def _state_at(self, stream: _Stream, instant_ns: int) -> Sample[object] | None:
        sample = stream.buffer.newest_not_later(instant_ns)
        limit_s = self._settings.state_max_age_s
        if sample is None:
            self._fail(stream.name, "no sample as old as the pictures; the clocks differ")
            return None
        age_s = (instant_ns - sample.stamp_ns) / SECOND_NS
        if age_s > limit_s:
            self._fail(
                stream.name,
                f"newest sample before the pictures is {age_s * 1e3:.0f} ms older than they are, "
                f"limit {limit_s * 1e3:.0f} ms",
            )
            return None
        return sample

    def _fail(self, stream: str, reason: str) -> None:
        self._set_fault = StreamFault(stream, reason)


def _newest(stream: _Stream) -> Sample[object]:
    return _present(stream.buffer.newest)


def _present(sample: Sample[object] | None) -> Sample[object]:
    if sample is None:
        raise ValueError("an empty stream passed the fault check")
    return sample


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
