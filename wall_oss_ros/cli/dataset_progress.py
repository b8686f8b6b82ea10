"""What commands that make a dataset show meanwhile, and the line that says what became of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tqdm import tqdm

from wall_oss_ros.data.dataset_writer import WrittenDataset


@contextlib.contextmanager
def frames_bar(episodes: int, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar of frames; give what takes the frames and the episodes that are done.

    Args:
        episodes: how many there will be.
        quiet: whether nothing is shown.
    """
    with tqdm(total=None, unit=" frames", disable=quiet, leave=False) as bar:

        def show(frames: int, done: int) -> None:
            bar.update(frames - bar.n)
            bar.set_postfix_str(f"{done} of {episodes} episodes")

        yield show


def described(dataset: WrittenDataset) -> str:
    """Return where a dataset is, its episodes with their splits, and its frames."""
    splits = ", ".join(
        f"{name} {low} to {high - 1}" for name, (low, high) in dataset.splits.items()
    )
    return f"{dataset.root}: {dataset.episodes} episodes ({splits}), {dataset.frames} frames"
