"""Who else publishes where only one node may."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node


class PublisherWatch:
    """Asks the ROS graph for publishers of the topics that move the robot.

    Asking costs about 20 us per topic and is answered from what discovery has told, so it is done
    by a timer and not in the loop. A node that was killed is remembered by discovery for up to
    5 s (config/dds), and is a stranger for as long.
    """

    def __init__(self, node: Node, own: Sequence[str], single: Sequence[str]) -> None:
        """Begin to watch.

        Args:
            node: the one that may publish `own`, once per topic.
            own: topics that only `node` may publish.
            single: topics that only one node may publish, whichever.
        """
        self._node = node
        self._own = tuple(own)
        self._single = tuple(single)

    def strangers(self) -> tuple[str, ...]:
        """Return every publisher that should not be there: topic and node, in words."""
        found: list[str] = []
        me = _full_name(self._node.get_namespace(), self._node.get_name())
        for topic in self._own:
            names = self._publishers(topic)
            if me in names:
                names.remove(me)
            found += [
                f"{name} publishes {topic}" if name != me else f"a second {me} publishes {topic}"
                for name in names
            ]
        for topic in self._single:
            names = self._publishers(topic)
            if len(names) > 1:
                found.append(f"{topic} has {len(names)} publishers: {', '.join(names)}")
        return tuple(found)

    def _publishers(self, topic: str) -> list[str]:
        return sorted(
            _full_name(info.node_namespace, info.node_name)
            for info in self._node.get_publishers_info_by_topic(topic)
        )


def _full_name(namespace: str, name: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"
