"""The time below which no implementation of this model can be on a device: arithmetic and traffic.

Every matrix product and every attention takes at least its arithmetic at the device's peak, and at
least its bytes at the device's bandwidth, whichever is longer; the floor is their sum at one row.
Weights are read once per use. Norms, rotary tables, softmax and launches cost nothing here, and the
prompt's last layer counts in full, though only its keys and values are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wall_oss_ros.model.config import ModelConfig, VisionConfig
from wall_oss_ros.model.peaks import Peaks

Image = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Operation:
    """One matrix product or attention: floating-point operations and bytes moved."""

    flops: float
    bytes: float


@dataclass(frozen=True, slots=True)
class StageFloor:
    """A stage of a chunk.

    Attributes:
        flops: of all its operations.
        bytes: of all its operations.
        ms: sum of each operation's longer time [ms].
    """

    flops: float
    bytes: float
    ms: float

    @classmethod
    def of(cls, operations: Iterable[Operation], peaks: Peaks, times: int = 1) -> StageFloor:
        """Return the sum of operations that are all done `times` times."""
        items = list(operations)
        seconds = sum(max(o.flops / peaks.flops, o.bytes / peaks.bandwidth) for o in items)
        return cls(
            flops=times * sum(o.flops for o in items),
            bytes=times * sum(o.bytes for o in items),
            ms=times * seconds * 1e3,
        )


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor of one chunk.

    Attributes:
        prefix: prompt tokens, image tokens among them.
        vision: pictures to image tokens.
        prompt: prompt to keys and values.
        denoise: all Euler steps of the action rows against them.
        recomputed_ms: the whole chunk where every step encodes the prompt again [ms].
    """

    prefix: int
    vision: StageFloor
    prompt: StageFloor
    denoise: StageFloor
    recomputed_ms: float

    @property
    def ms(self) -> float:
        """All stages one after the other [ms]."""
        return self.vision.ms + self.prompt.ms + self.denoise.ms


def floor(
    config: ModelConfig,
    peaks: Peaks,
    *,
    images: Sequence[Image],
    text: int,
    horizon: int = 32,
    steps: int = 10,
    number_bytes: int = 2,
) -> Floor:
    """Return the floor of one chunk of one robot.

    Args:
        config: sizes of the model.
        peaks: of the device.
        images: height and width of every picture [px].
        text: prompt tokens that are not image tokens.
        horizon: action rows.
        steps: Euler steps.
        number_bytes: bytes of a weight, and of a number between operations; 2 for bfloat16.
    """
    prefix = text + sum(image_tokens(config.vision, image) for image in images)
    vision = StageFloor.of(_vision(config.vision, images, number_bytes), peaks)
    layers = config.num_hidden_layers
    prompt = StageFloor.of(
        _layer(config, 0, prefix, prefix, causal=True, size=number_bytes), peaks, layers
    )
    denoise = StageFloor.of(
        _layer(config, 1, horizon, prefix + horizon, causal=False, size=number_bytes),
        peaks,
        layers * steps,
    )
    again = vision.ms + steps * prompt.ms + denoise.ms
    return Floor(prefix, vision, prompt, denoise, again)


def image_tokens(vision: VisionConfig, image: Image) -> int:
    """Return the prompt tokens of a picture of height and width [px]."""
    return (image[0] // vision.factor) * (image[1] // vision.factor)


def _product(rows: int, inner: int, columns: int, size: int) -> Operation:
    """Return (rows, inner) times (inner, columns)."""
    moved = inner * columns + rows * inner + rows * columns
    return Operation(2.0 * rows * inner * columns, float(size * moved))


def _vision(config: VisionConfig, images: Sequence[Image], size: int) -> list[Operation]:
    """Return the tower's operations, all pictures in one batch."""
    if not images:
        return []
    width, merge = config.hidden_size, config.spatial_merge_size**2
    edge = config.patch_size
    patches = sum((high // edge) * (wide // edge) for high, wide in images)
    block = [
        _product(patches, width, 3 * width, size),
        _product(patches, width, width, size),
        _product(patches, width, 2 * config.intermediate_size, size),
        _product(patches, config.intermediate_size, width, size),
    ]
    full = sum(((high // edge) * (wide // edge)) ** 2 for high, wide in images)
    windows = sum(_window_pairs(config, image) for image in images)
    moved = float(size * 4 * patches * width)
    operations = [_product(patches, config.patch_numbers, width, size)]
    for index in range(config.depth):
        pairs = full if index in config.fullatt_block_indexes else windows
        operations += [*block, Operation(4.0 * pairs * width, moved)]
    merged, wide = patches // merge, merge * width
    operations.append(_product(merged, wide, wide, size))
    operations.append(_product(merged, wide, config.out_hidden_size, size))
    return operations


def _window_pairs(config: VisionConfig, image: Image) -> int:
    """Return pairs of patches that see each other in the windows of a picture."""
    edge = config.window_size // config.patch_size

    def runs(pixels: int) -> list[int]:
        patches = pixels // config.patch_size
        return [min(edge, patches - start) for start in range(0, patches, edge)]

    return sum((high * wide) ** 2 for high in runs(image[0]) for wide in runs(image[1]))


def _layer(
    config: ModelConfig, expert: int, rows: int, seen: int, *, causal: bool, size: int
) -> list[Operation]:
    """Return a decoder layer's operations for `rows` tokens of an expert that see `seen`."""
    width, inner = config.experts[expert].hidden_size, config.experts[expert].intermediate_size
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    share = 0.5 if causal else 1.0
    moved = float(size * (2 * seen * keys + 2 * rows * queries))
    return [
        _product(rows, width, queries + 2 * keys, size),
        Operation(4.0 * rows * seen * queries * share, moved),
        _product(rows, queries, width, size),
        _product(rows, width, 2 * inner, size),
        _product(rows, inner, width, size),
    ]
