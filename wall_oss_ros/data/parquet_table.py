"""Reads columns of Parquet files; whatever is missing or damaged is an error that says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import compute

from wall_oss_ros.core.errors import DatasetError, choices, first_line


def column_names(file: Path) -> list[str]:
    """Return the names of the columns of a file.

    Raises:
        DatasetError: if the file is missing or damaged.
    """
    if not file.is_file():
        raise DatasetError(f"{file} is missing; copy or write the dataset again")
    try:
        return list(pq.read_schema(file).names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from None


def read_table(
    file: Path, columns: Sequence[str], filters: list[tuple[str, str, int]] | None = None
) -> Any:
    """Return columns of a Parquet file, as a pyarrow.Table.

    Args:
        file: where.
        columns: their names.
        filters: which rows, as pyarrow wants it; all without.

    Raises:
        DatasetError: if the file or a column is missing, or the file is damaged.
    """
    present = column_names(file)
    missing = [name for name in columns if name not in present]
    if missing:
        raise DatasetError(f"{file} has no column {choices(missing)}; it has {choices(present)}")
    try:
        return pq.read_table(file, columns=list(columns), filters=filters, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(file, error) from None


def vector_rows(column: Any, dimensions: int, where: str) -> NDArray[np.float32]:
    """Return the rows of a column of vectors, (N, D), read-only.

    Args:
        column: pyarrow.ChunkedArray of lists of float32, or of float32 where D is 1.
        dimensions: D.
        where: which column this is, for messages.

    Raises:
        DatasetError: if a row is missing, or of another length or type.
    """
    array = column.combine_chunks()
    listed = pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type)
    lengths = set(compute.list_value_length(array).to_pylist()) if listed else {1}
    values = array.flatten() if listed else array
    if lengths - {dimensions} or array.null_count or values.null_count:
        raise DatasetError(f"{where}: rows of {sorted(lengths, key=str)}; expected {dimensions}")
    if values.type != pa.float32():
        raise DatasetError(f"{where}: {values.type}; expected float32, as info.json says")
    found: NDArray[np.float32] = values.to_numpy(zero_copy_only=False).reshape(-1, dimensions)
    found.setflags(write=False)
    return found


def _unreadable(file: Path, error: BaseException) -> DatasetError:
    return DatasetError(
        f"{file} cannot be read: {first_line(error)}; copy or write the dataset again"
    )
