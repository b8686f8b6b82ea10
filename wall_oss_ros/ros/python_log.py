"""Lines that the pure parts write to Python's logging, in the log of the node they run in."""

from __future__ import annotations

import logging

from rclpy.node import Node

_PACKAGE = "wall_oss_ros"


class _ToNode(logging.Handler):
    def __init__(self, node: Node) -> None:
        super().__init__()
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        # rclpy binds severity to the line of code that logs, so each has a line of its own.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def forward_log(node: Node) -> None:
    """Let every line of this package that is informative or worse appear in the node's log."""
    log = logging.getLogger(_PACKAGE)
    log.handlers = [_ToNode(node)]
    log.setLevel(logging.INFO)
    log.propagate = False
