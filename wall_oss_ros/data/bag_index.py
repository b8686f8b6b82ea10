"""How many messages a bag holds by its own index, whatever its metadata say."""

from __future__ import annotations

import struct
from pathlib import Path

from mcap.exceptions import McapError
from mcap.reader import make_reader

from wall_oss_ros.core.errors import EpisodeError


def message_counts(bag: Path) -> dict[str, int]:
    """Return the number of messages by topic, from the index of the MCAP file.

    Args:
        bag: folder of the bag.

    Raises:
        EpisodeError: if there is not exactly one file, or it is damaged, truncated or unfinished.
    """
    files = sorted(bag.glob("*.mcap"))
    if len(files) != 1:
        raise EpisodeError(
            f"{bag} holds {len(files)} .mcap files; expected one, as the recorder writes it"
        )
    try:
        with files[0].open("rb") as stream:
            summary = make_reader(stream).get_summary()
    except (McapError, OSError, ValueError, struct.error) as error:
        raise damaged(files[0], error) from None
    if summary is None or summary.statistics is None:
        raise damaged(files[0], "it has no index")
    return {
        channel.topic: summary.statistics.channel_message_counts.get(number, 0)
        for number, channel in summary.channels.items()
    }


def damaged(path: Path, why: object) -> EpisodeError:
    """Return the error for a bag that cannot be read."""
    return EpisodeError(
        f"{path} is damaged or truncated ({why}); one that was recorded to its end has the size it "
        "had then: copy it again. `wall-oss repair` is for what lies in .partial"
    )
