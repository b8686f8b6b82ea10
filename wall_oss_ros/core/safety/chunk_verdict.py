"""What looking ahead says about a chunk: how many of its rows may be followed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChunkVerdict:
    """The safe prefix of a chunk.

    Attributes:
        seq: of the chunk.
        epoch: of the chunk.
        rows: rows it has.
        safe_rows: rows from the start that may be followed, 0 .. rows.
        rule: rule that the first unsafe row breaks, "" where all are safe.
        reason: in words, "" where all are safe.
    """

    seq: int
    epoch: int
    rows: int
    safe_rows: int
    rule: str = ""
    reason: str = ""
