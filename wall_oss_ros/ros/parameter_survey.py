"""The parameters of other nodes, as text: what a recording was made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.task import Future


class ParameterSurvey:
    """Asks nodes for all their parameters; whoever does not answer is left out.

    Attributes:
        found: values as text by "node.parameter".
    """

    def __init__(self, node: Node, names: Sequence[str], on_change: Callable[[], None]) -> None:
        """Prepare.

        Args:
            node: owner; its executor runs the answers.
            names: nodes in the same namespace.
            on_change: called when `found` has become more.
        """
        self.found: dict[str, str] = {}
        self._on_change = on_change
        self._clients = {
            name: (
                node.create_client(ListParameters, f"{name}/list_parameters"),
                node.create_client(GetParameters, f"{name}/get_parameters"),
            )
            for name in names
        }

    def ask(self) -> None:
        """Ask every node that is there; returns at once."""
        for name, (lister, _) in self._clients.items():
            if lister.service_is_ready():
                lister.call_async(ListParameters.Request()).add_done_callback(
                    partial(self._on_names, name)
                )

    def _on_names(self, name: str, future: Future[Any]) -> None:
        if future.exception() is None:
            names = list(future.result().result.names)
            getter = self._clients[name][1]
            getter.call_async(GetParameters.Request(names=names)).add_done_callback(
                partial(self._on_values, name, names)
            )

    def _on_values(self, name: str, names: Sequence[str], future: Future[Any]) -> None:
        if future.exception() is None:
            for parameter, value in zip(names, future.result().values, strict=False):
                self.found[f"{name}.{parameter}"] = str(parameter_value_to_python(value))
            self._on_change()
