"""Weight files as one table of tensors that are read one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from wall_oss_ros.core.errors import CheckpointError, first_line

# A memory-mapped file stays in memory as far as it was read, until it is closed.
_MAPPED_BYTES = 32 * 1024 * 1024


class WeightFiles(Protocol):
    """Names, shapes, and the tensors themselves in the order of the files."""

    shapes: dict[str, tuple[int, ...]]

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield name and tensor; the tensor is good until the next one."""


class SafetensorsFiles:
    """One or several .safetensors files.

    Raises:
        CheckpointError: for a file that is missing, cut short, or holds a name twice.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._open = _safe_open()
        self._keys: list[tuple[Path, list[str]]] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        for path in paths:
            try:
                with self._open(str(path), framework="pt") as file:
                    keys = list(file.keys())
                    for key in keys:
                        if key in self.shapes:
                            raise CheckpointError(f"{path}: '{key}' is in another file, too")
                        self.shapes[key] = tuple(file.get_slice(key).get_shape())
            except CheckpointError:
                raise
            except Exception as error:  # SafetensorError is no public class of all versions
                raise CheckpointError(
                    f"{path} ({path.stat().st_size if path.is_file() else 0:,} bytes) cannot be "
                    f"read: {error}; most likely a download that was cut short"
                ) from None
            self._keys.append((path, keys))

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield name and tensor."""
        for path, keys in self._keys:
            rest = list(keys)
            while rest:
                read = 0
                with self._open(str(path), framework="pt") as file:
                    while rest and read < _MAPPED_BYTES:
                        key = rest.pop(0)
                        tensor = file.get_tensor(key)
                        read += tensor.numel() * tensor.element_size()
                        yield key, tensor


class TorchFile:
    """A file of torch.save that holds tensors only; nothing in it is executed.

    Raises:
        CheckpointError: if it is missing, or holds more than tensors.
    """

    def __init__(self, path: Path) -> None:
        content = read_tensors(path)
        self._tensors = content
        self.shapes = {key: tuple(value.shape) for key, value in content.items()}

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield name and tensor."""
        for key in list(self._tensors):
            yield key, self._tensors.pop(key)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a torch.save file by name, flat or under ``state_dict``.

    Raises:
        CheckpointError: if it cannot be read as plain tensors.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # unpickling refuses in many ways
        said = first_line(error)
        raise CheckpointError(f"{path} cannot be read as plain tensors: {said}") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}; expected tensors by name")
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def find_weights(folder: Path) -> WeightFiles:
    """Return the weights of a checkpoint folder.

    Raises:
        CheckpointError: if there are none, or a shard is missing.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = sorted(
                set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{index} is no index of shards: {error!r}") from None
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise CheckpointError(
                f"{folder}: {len(missing)} of {len(names)} weight files are missing: "
                + ", ".join(missing[:5])
            )
        return SafetensorsFiles([folder / name for name in names])
    single = folder / "model.safetensors"
    found = [single] if single.is_file() else sorted(folder.glob("*.safetensors"))
    if found:
        return SafetensorsFiles(found)
    for name in ("pytorch_model.bin", "pytorch_model_fsdp.bin"):
        if (folder / name).is_file():
            return TorchFile(folder / name)
    there = sorted(path.name for path in folder.iterdir())[:10] if folder.is_dir() else []
    raise CheckpointError(
        f"no weights in {folder}: expected model.safetensors, alone or in shards; "
        + (f"it holds {', '.join(there)}" if there else "the folder is missing or empty")
    )


def open_weights(path: Path) -> WeightFiles:
    """Return the weights in one file.

    Raises:
        CheckpointError: if it is missing or of an unknown kind.
    """
    if not path.is_file():
        raise CheckpointError(f"no weight file {path}")
    return SafetensorsFiles([path]) if path.suffix == ".safetensors" else TorchFile(path)


def _safe_open() -> Any:
    try:
        from safetensors import safe_open
    except ImportError as error:
        raise CheckpointError(
            f"weights cannot be read: {error}; pip install 'wall_oss_ros[model]'"
        ) from None
    return safe_open
