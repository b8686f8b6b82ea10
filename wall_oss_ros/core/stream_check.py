"""A robot's topics against its contract: names, rates, frames, stamps, encodings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wall_oss_ros.core.contract import Camera, RobotContract
from wall_oss_ros.core.errors import choices
from wall_oss_ros.core.finding import Finding, Health

# Parts of the expected rate that are still well, and that still work.
_WELL, _WORKS = 0.8, 0.5
# Stamps may be so old when they arrive, and so far in the future [s].
_OLD_S, _EARLY_S = 0.25, 0.01
# The most joint names that are told.
_MOST_NAMES = 6


@dataclass(slots=True)
class StreamSeen:
    """What came on a topic while it was listened to.

    Attributes:
        seconds: how long that was; from the first message on where there was one, as it takes a
            second or so to find a publisher.
        count: messages.
        publishers: on the topic at the end.
        frames: frame_ids.
        ages_s: arrival minus stamp of each message [s].
        encodings: of pictures.
        sizes: width and height of pictures [px].
        names: joint names of the last message.
        troubles: what could not be read, in words.
    """

    seconds: float = 0.0
    count: int = 0
    publishers: int = 0
    frames: set[str] = field(default_factory=set)
    ages_s: list[float] = field(default_factory=list)
    encodings: set[str] = field(default_factory=set)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    names: tuple[str, ...] = ()
    troubles: set[str] = field(default_factory=set)

    @property
    def rate_hz(self) -> float:
        """Messages per second."""
        return self.count / self.seconds if self.seconds > 0.0 else 0.0


def check_camera(name: str, camera: Camera, seen: StreamSeen) -> Finding:
    """Return how a camera is."""
    what = f"camera {name} ({camera.topic})"
    trouble = (
        _silent(what, seen)
        or _source(what, seen, camera.frame)
        or _stamps(what, seen, camera.capture_delay)
    )
    if trouble is not None:
        return trouble
    if len(seen.sizes) != 1:
        return Finding(
            what, Health.BAD, f"pictures of {len(seen.sizes)} sizes", "set one size at the driver"
        )
    ((width, height),) = seen.sizes
    said = f"{seen.rate_hz:.1f} Hz, {width} x {height}, {', '.join(sorted(seen.encodings))}"
    return _rated(what, seen, camera.rate, said)


def check_joints(contract: RobotContract, seen: StreamSeen) -> Finding:
    """Return how the joint states are."""
    stream = contract.joint_states
    what = f"joint states ({stream.topic})"
    trouble = _silent(what, seen)
    if trouble is not None:
        return trouble
    missing = [name for name in contract.joint_names if name not in seen.names]
    if missing:
        told = choices(missing[:_MOST_NAMES]) + (" ..." if len(missing) > _MOST_NAMES else "")
        return Finding(
            what,
            Health.BAD,
            f"{len(missing)} of {len(contract.joint_names)} joints are missing: {told}",
            "correct the names in the contract, or publish all joints in one message",
        )
    return _stamps(what, seen, stream.capture_delay) or _rated(
        what, seen, stream.rate, f"{seen.rate_hz:.0f} Hz, all {len(contract.joint_names)} joints"
    )


def check_odometry(contract: RobotContract, seen: StreamSeen) -> Finding | None:
    """Return how the odometry is; None for a robot without."""
    stream = contract.odometry
    if stream is None:
        return None
    what = f"odometry ({stream.topic})"
    trouble = (
        _silent(what, seen)
        or _source(what, seen, stream.frame)
        or _stamps(what, seen, stream.capture_delay)
    )
    return trouble or _rated(what, seen, stream.rate, f"{seen.rate_hz:.0f} Hz")


def check_controllers(
    listeners: Mapping[str, int], strangers: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Return whether controllers listen, and who else commands them.

    Args:
        listeners: subscriptions by controller topic.
        strangers: by controller topic, nodes that publish there beside the supervisor.
    """
    found = []
    for topic, count in listeners.items():
        what = f"controller {topic}"
        if strangers.get(topic):
            found.append(
                Finding(
                    what,
                    Health.BAD,
                    f"{', '.join(strangers[topic])} publishes there, too",
                    "stop it: the safety supervisor must be the only one",
                )
            )
        elif count == 0:
            found.append(
                Finding(what, Health.BAD, "nobody listens", "start and activate the controller")
            )
        else:
            found.append(Finding(what, Health.OK, "it listens"))
    return found


def _silent(what: str, seen: StreamSeen) -> Finding | None:
    if seen.troubles:
        return Finding(
            what, Health.BAD, "; ".join(sorted(seen.troubles)), "correct the driver or the contract"
        )
    if seen.count:
        return None
    if seen.publishers == 0:
        return Finding(
            what, Health.BAD, "nobody publishes", "start the driver, or correct the topic"
        )
    return Finding(
        what,
        Health.BAD,
        f"{seen.publishers} publishers, and no message came in {seen.seconds:.0f} s",
        "look at the driver's output; type and reliability must fit the contract",
    )


def _source(what: str, seen: StreamSeen, frame: str) -> Finding | None:
    if seen.publishers > 1:
        said = f"{seen.publishers} publishers"
        return Finding(what, Health.BAD, said, "leave one; are two robots in one domain?")
    if seen.frames != {frame}:
        return Finding(
            what,
            Health.BAD,
            f"frame {choices(seen.frames)}; expected '{frame}'",
            "correct frame_id at the driver, or the contract",
        )
    return None


def _stamps(what: str, seen: StreamSeen, delay_s: float) -> Finding | None:
    ages_s = sorted(age_s - delay_s for age_s in seen.ages_s)
    if ages_s[0] < -_EARLY_S:
        return Finding(
            what,
            Health.BAD,
            f"stamps up to {-ages_s[0]:.3f} s in the future",
            "synchronise the clocks (chrony), or correct capture_delay",
        )
    median_s = ages_s[len(ages_s) // 2]
    if median_s > _OLD_S:
        return Finding(
            what,
            Health.BAD,
            f"stamps are {median_s:.3f} s old when they arrive",
            "synchronise the clocks, or find what delays them",
        )
    return None


def _rated(what: str, seen: StreamSeen, rate: float, said: str) -> Finding:
    share = seen.rate_hz / rate
    if share < _WORKS:
        return Finding(
            what,
            Health.BAD,
            f"{said}; the contract expects {rate:g} Hz",
            "raise the driver's rate, or correct the contract",
        )
    if share < _WELL:
        return Finding(
            what, Health.NOTE, f"{said}; the contract expects {rate:g} Hz", "losses on the way?"
        )
    return Finding(what, Health.OK, said)
