"""Read-only views of dictionaries, for frozen objects, also of those that go to other processes."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def read_only(values: Mapping[Key, Value]) -> MappingProxyType[Key, Value]:
    """Return a view of a copy: nobody can change it any more."""
    return MappingProxyType(dict(values))


# pickle does not know such views. It finds this where one was made, and where one arrives.
copyreg.pickle(MappingProxyType, lambda view: (read_only, (dict(view),)))
