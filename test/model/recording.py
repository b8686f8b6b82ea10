"""A recorder that works like a CUDA graph, on the CPU: it keeps the operations, not the program.

What is replayed is the list of operations on the very tensors they were recorded with. Whatever
Python decided while recording is frozen, as it is in a graph; an operation that would make the
device report a number to the host cannot be recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS_FOR_DEVICE = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "equal", "item")


class Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.list: list[tuple[Any, Any, Any, list[torch.Tensor]]] = []
        self._storages: set[int] = set()
        self._alive: list[Any] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = func._overloadpacket.__name__
        assert name not in WAITS_FOR_DEVICE, f"{name} makes the host wait for the device"
        out = func(*args, **(kwargs or {}))
        given = {id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        made = [t for t in tree_leaves(out) if isinstance(t, torch.Tensor) and id(t) not in given]
        inputs = {
            leaf.untyped_storage().data_ptr()
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, torch.Tensor)
        }
        new = [t for t in made if t.untyped_storage().data_ptr() not in inputs]
        if new or not made:  # a view is made once and stays good
            self.list.append((func, args, kwargs or {}, new))
        self._alive.append((args, kwargs, out))  # no address is given away twice
        return out

    def replay(self) -> None:
        for func, args, kwargs, new in self.list:
            out = func(*args, **kwargs)
            fresh = [t for t in tree_leaves(out) if isinstance(t, torch.Tensor)]
            if new:
                for target, value in zip(new, fresh, strict=True):
                    target.copy_(value)


class GraphLike:
    """Counts recordings; see the module."""

    def __init__(self) -> None:
        self.recorded = 0

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.recorded += 1
        operations = Operations()
        with torch.no_grad(), operations:
            work()

        def replay() -> None:
            with torch.no_grad():
                operations.replay()

        return replay
