"""Whether a dataset is of this robot: the same layout, cameras and rates, and nothing guessed."""

from __future__ import annotations

from collections.abc import Sequence

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import DatasetError, choices
from wall_oss_ros.data.dataset_format import INFO_FILE
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.training_config import ACTION_KEY, IMAGE_PREFIX, STATE_KEY
from wall_oss_ros.messages.stamps import SECOND_NS

# Commands farther apart than this are pauses to whoever reads a bag (a quarter of a second).
_SLOWEST_FPS = 5


def camera_keys(dataset: Dataset, contract: RobotContract) -> dict[str, str]:
    """Return the feature key by camera of the contract, if the dataset is of this robot.

    Raises:
        DatasetError: for another robot, layout, set of cameras, or a rate that a recording of this
            robot cannot have.
    """
    where = dataset.root / INFO_FILE
    if dataset.format.robot_type != contract.name:
        raise DatasetError(
            f"{where}: robot_type is '{dataset.format.robot_type}'; expected '{contract.name}', as "
            "poses of one robot mean nothing to another: choose its contract with --robot"
        )
    for key in (STATE_KEY, ACTION_KEY):
        names = dataset.format.vectors.get(key)
        if names is None:
            raise DatasetError(
                f"{where} has no float32 vector '{key}'; it has {choices(dataset.format.vectors)}"
            )
        _check_names(names, f"{where}: '{key}'")
    _check_rate(dataset.format.fps, contract, str(where))
    return _keys(dataset, contract, str(where))


def left_out(dataset: Dataset) -> tuple[str, ...]:
    """Return the vectors of a dataset that an episode has no place for."""
    return tuple(key for key in dataset.format.vectors if key not in (STATE_KEY, ACTION_KEY))


def _check_names(names: Sequence[str], where: str) -> None:
    expected = dimension_names()
    if len(names) != ACTION_DIM:
        raise DatasetError(
            f"{where} has {len(names)} dimensions; expected {ACTION_DIM}, '{expected[0]}' to "
            f"'{expected[-1]}', as `wall-oss export` writes them: convert the dataset to them"
        )
    for place, (found, wanted) in enumerate(zip(names, expected, strict=True)):
        if found != wanted:
            raise DatasetError(
                f"{where}: dimension {place} is '{found}'; expected '{wanted}', as `wall-oss "
                "export` names and orders them: convert the dataset to that layout"
            )


def _check_rate(fps: int, contract: RobotContract, where: str) -> None:
    fastest_hz = max(camera.rate for camera in contract.cameras.values())
    if fps < _SLOWEST_FPS:
        raise DatasetError(
            f"{where}: {fps} frames a second; expected {_SLOWEST_FPS} or more, as a robot that is "
            "sent nowhere for longer has stopped: convert the dataset to a higher rate"
        )
    # As `core.assembler` tells sets of pictures apart; nearer ones would be left out.
    most = SECOND_NS // round(SECOND_NS / (2 * fastest_hz))
    if fps > most:
        raise DatasetError(
            f"{where}: {fps} frames a second; the cameras of '{contract.name}' give "
            f"{fastest_hz:g}, and pictures nearer than half of that are one to it: give a contract "
            f"with the cameras' true rate (--robot FILE), or a dataset of at most {most} frames a "
            "second"
        )


def _keys(dataset: Dataset, contract: RobotContract, where: str) -> dict[str, str]:
    keys = {name: IMAGE_PREFIX + camera.label for name, camera in contract.cameras.items()}
    found = set(dataset.format.cameras)
    missing, unknown = set(keys.values()) - found, found - set(keys.values())
    if missing:
        raise DatasetError(
            f"{where} lacks the cameras {choices(missing)} of '{contract.name}'; it has "
            f"{choices(found)}: every observation needs all of them"
        )
    if unknown:
        raise DatasetError(
            f"{where} has the cameras {choices(unknown)}, which '{contract.name}' has not; it has "
            f"{choices(keys.values())}: rename or remove them, or choose another contract with "
            "--robot"
        )
    return keys
