"""Trials on disk, so that a long measurement that was interrupted goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wall_oss_ros.core.errors import BringUpError


class TrialLog:
    """Records, one JSON object per line.

    Attributes:
        records: those of before and those added.
    """

    def __init__(self, path: str, keys: frozenset[str]) -> None:
        """Read what is there.

        Args:
            path: the file; "" keeps records in memory only.
            keys: of every record.

        Raises:
            BringUpError: if the file holds something else.
        """
        self._path = Path(path) if path else None
        self.records: list[dict[str, Any]] = []
        if self._path is None or not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict) or set(record) != keys:
                raise BringUpError(
                    f"--log: line {number} of {path} is no trial of this measurement; name another "
                    "file"
                )
            self.records.append(record)

    def add(self, record: dict[str, Any]) -> None:
        """Keep a record, on disk at once."""
        self.records.append(record)
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
