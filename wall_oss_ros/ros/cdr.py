"""Messages written straight into the bytes that go over the wire.

The encoding is CDR version 1, little-endian: OMG, DDS Interoperability Wire Protocol 2.5
(formal/2022-09-01), chapter 10, and Common Object Request Broker Architecture 3.4, part 2, 9.3.
Everything is aligned to its own size, counted from behind the four bytes that name the encoding.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_ENCODING = b"\x00\x01\x00\x00"
_COUNT = struct.Struct("<I")
_PART = 4


class CdrWriter:
    """A message that grows, field by field, in the order of its definition.

    Attributes:
        data: the message so far.
    """

    def __init__(self) -> None:
        """Begin a message."""
        self.data = bytearray(_ENCODING)

    def pack(self, form: struct.Struct, size: int, *values: float) -> None:
        """Append numbers of one size, aligned to it; smaller ones may follow them."""
        self._align(size)
        self.data += form.pack(*values)

    def sequence(self, values: NDArray[np.float64], kind: str) -> None:
        """Append a sequence of numbers, or of structures of equal numbers.

        Args:
            values: one element per row.
            kind: type of a number on the wire, e.g. "<f4".
        """
        self.count(len(values))
        if len(values) == 0:
            return  # nor is anything aligned then
        converted = values.astype(kind)
        self._align(converted.itemsize)
        self.data += converted.tobytes()

    def count(self, count: int) -> None:
        """Append how many elements of a sequence follow."""
        self.pack(_COUNT, _COUNT.size, count)

    def text(self, text: str) -> None:
        """Append a string."""
        encoded = text.encode() + b"\0"
        self.count(len(encoded))
        self.data += encoded

    def part(self, data: bytes) -> None:
        """Append what `part_of` returned."""
        self._align(_PART)
        self.data += data

    def part_of(self) -> bytes:
        """Return this writer's content, to be appended to any other; nothing larger than 4 bytes.

        What is the same in every message is written once.
        """
        return bytes(self.data[len(_ENCODING) :])

    def _align(self, size: int) -> None:
        self.data += bytes((len(_ENCODING) - len(self.data)) % size)
