"""Message definitions without ROS: the standard ones, and this package's from its msg folder."""

from __future__ import annotations

from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from wall_oss_ros.core.errors import EpisodeError

_PACKAGE = "wall_oss_ros"


def suite_types(msg_folder: Path) -> Typestore:
    """Return all message types that an episode may hold.

    Args:
        msg_folder: where this package's ``*.msg`` files are.

    Raises:
        EpisodeError: if there are none.
    """
    files = sorted(msg_folder.glob("*.msg"))
    if not files:
        raise EpisodeError(f"no message definitions (*.msg) in {msg_folder}; build the package")
    store = get_typestore(Stores.ROS2_JAZZY)
    own: dict[str, object] = {}
    for file in files:
        text = file.read_text(encoding="utf-8")
        own.update(get_types_from_msg(text, f"{_PACKAGE}/msg/{file.stem}"))
    store.register(own)  # type: ignore[arg-type]
    return store
