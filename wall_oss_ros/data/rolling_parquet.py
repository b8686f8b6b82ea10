"""Tables in a row of Parquet files, none larger than need be."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from wall_oss_ros.data.dataset_format import file_indexes


class RollingParquet:
    """Writes tables of one schema, each as one row group, into files that follow each other."""

    def __init__(self, root: Path, path: str, schema: pa.Schema, most_bytes: int) -> None:
        """Begin without a file.

        Args:
            root: folder of the dataset.
            path: of a file in it, with fields "chunk_index" and "file_index".
            schema: of all tables.
            most_bytes: a file gets no further table that could make it larger.
        """
        self._root, self._path, self._schema, self._most_bytes = root, path, schema, most_bytes
        self._number = -1
        self._stream: IO[bytes] | None = None
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> dict[str, int]:
        """Write a table, and return "chunk_index" and "file_index" of its file.

        Raises:
            OSError: if the disk takes no more.
        """
        # In memory a table is larger than in the file, where it is compressed.
        full = self._stream and self._stream.tell() + table.nbytes > self._most_bytes
        if self._writer is None or full:
            self.close()
            self._number += 1
            file = self._root / self._path.format(**file_indexes(self._number))
            file.parent.mkdir(parents=True, exist_ok=True)
            self._stream = file.open("wb")
            self._writer = pq.ParquetWriter(self._stream, self._schema, compression="snappy")
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        return file_indexes(self._number)

    def close(self) -> None:
        """End the last file; before, it cannot be read.

        Raises:
            OSError: if the disk takes no more.
        """
        if self._writer is not None and self._stream is not None:
            self._writer.close()
            self._stream.close()
        self._writer = self._stream = None

    def __enter__(self) -> RollingParquet:
        """Give itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the last file."""
        self.close()
