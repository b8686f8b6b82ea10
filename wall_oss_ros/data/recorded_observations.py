"""What the policy saw: a bag's messages through the very code that makes live observations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from wall_oss_ros.core.assembler import AssemblerSettings, ObservationAssembler
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import EpisodeError, MessageError
from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.kinematics import ForwardKinematics
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.stream import RESET_TOLERANCE_NS
from wall_oss_ros.data.episode_reader import Received, RecordedEpisode
from wall_oss_ros.messages.geometry import twist_from
from wall_oss_ros.messages.images import check_image, decode_image, fingerprint
from wall_oss_ros.messages.joint_states import joint_sample
from wall_oss_ros.messages.stamps import SECOND_NS, to_ns


def input_topics(contract: RobotContract) -> tuple[str, ...]:
    """Return the topics that observations are made of."""
    odometry = [contract.odometry.topic] if contract.odometry is not None else []
    cameras = [camera.topic for camera in contract.cameras.values()]
    return (*cameras, contract.joint_states.topic, *odometry)


class Observer:
    """Does to recorded messages what camera_sync does to live ones.

    Attributes:
        refused: how often there was no new observation with a picture that came, by reason.
    """

    def __init__(
        self,
        contract: RobotContract,
        kinematics: ForwardKinematics,
        settings: AssemblerSettings,
        where: str,
    ) -> None:
        """Begin; `where` says in messages which episode this is."""
        self._assembler = ObservationAssembler(contract, kinematics, decode_image, settings)
        self._selector = JointSelector(contract.joint_names)
        self._cameras = {camera.topic: name for name, camera in contract.cameras.items()}
        self._joints = contract.joint_states.topic
        self._where = where
        self._newest: dict[str, int] = {}
        self.refused: Counter[str] = Counter()

    def take(self, received: Received) -> Observation | None:
        """Take a message; return the observation that it completes, if it does.

        Raises:
            EpisodeError: if its stamp is earlier than one before it by more than a disorder.
        """
        topic, now_ns, message = received
        self._check_clock(topic, to_ns(message.header.stamp))
        if topic in self._cameras:
            return self._take_picture(self._cameras[topic], message, now_ns)
        if topic == self._joints:
            try:
                self._assembler.push_joints(joint_sample(message, self._selector), now_ns)
            except MessageError as error:
                self._assembler.refuse("joint_states", str(error), now_ns)
        else:
            stamp_ns = to_ns(message.header.stamp)
            self._assembler.push_twist(stamp_ns, now_ns, twist_from(message.twist.twist))
        return None

    def _take_picture(self, name: str, message: object, now_ns: int) -> Observation | None:
        try:
            check_image(message)
        except MessageError as error:
            self._assembler.refuse(name, str(error), now_ns)
            self.refused[f"camera {name}: {error}"] += 1
            return None
        stamp_ns = to_ns(message.header.stamp)  # type: ignore[attr-defined]
        self._assembler.push_image(name, stamp_ns, now_ns, message, fingerprint(message))
        observation = self._assembler.assemble(now_ns)
        if observation is None:
            self.refused.update(map(str, self._assembler.faults(now_ns)))
        return observation

    def _check_clock(self, topic: str, stamp_ns: int) -> None:
        newest_ns = self._newest.get(topic, stamp_ns)
        if stamp_ns < newest_ns - RESET_TOLERANCE_NS:
            raise EpisodeError(
                f"{self._where}: the clock of {topic} goes back by "
                f"{(newest_ns - stamp_ns) / SECOND_NS:.2f} s; an episode has one clock"
            )
        self._newest[topic] = max(newest_ns, stamp_ns)


def check_inputs(episode: RecordedEpisode) -> None:
    """Check that an episode holds everything that observations are made of.

    Raises:
        EpisodeError: naming what is missing.
    """
    missing = [topic for topic in input_topics(episode.contract) if topic not in episode.names]
    empty = [
        account.topic
        for account in episode.record.accounts
        if not account.written
        and account.topic in {episode.names.get(t) for t in input_topics(episode.contract)}
    ]
    if missing or empty:
        raise EpisodeError(
            f"{episode.path}: nothing was recorded of {', '.join([*missing, *empty])}; every "
            "observation needs it"
        )


def observations(messages: Iterable[Received], observer: Observer) -> Iterator[Observation]:
    """Yield the observations of messages in the order in which they came."""
    for received in messages:
        observation = observer.take(received)
        if observation is not None:
            yield observation
