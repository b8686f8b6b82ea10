"""Prompts that ask for the next step in words, each with its answer, as a robot would ask.

Of the authors' composite objective; a policy with `wall_oss.subtasks` asks in these words and
follows the answer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.processor import Processor
from wall_oss_ros.model.rope import position_ids
from wall_oss_ros.training.batch import Texts
from wall_oss_ros.training.samples import Samples, patch_grids

_NONE = -1


class TextPrompts:
    """Writes them once per pair of task and next step.

    Args:
        samples: with subtasks.
        processor: of the checkpoint.
        config: of the model.
    """

    def __init__(self, samples: Samples, processor: Processor, config: ModelConfig) -> None:
        self._config, self._grids = config, patch_grids(samples, config, 1)
        pairs = torch.stack((samples.task, samples.subtask), dim=1)
        kinds, self._kind = pairs.unique(dim=0, return_inverse=True)
        images = dict(zip(samples.cameras, samples.pictures[0], strict=True))
        tokenizer = processor.tokenizer
        self._written: list[tuple[list[int], list[int]]] = []
        for task, subtask in kinds.tolist():
            asked = processor.text_inputs(images, samples.tasks[task]).input_ids[0].tolist()
            answer = [*tokenizer.encode(samples.subtasks[subtask]), tokenizer.im_end_id]
            self._written.append((asked, answer))

    def of(self, which: Tensor) -> Texts:
        """Return the prompts of frames (K,), which are padded to one length.

        Args:
            which: whose images stand at the same places in their prompts.
        """
        chosen = [self._written[int(kind)] for kind in self._kind[which]]
        length = max(len(asked) + len(answer) for asked, answer in chosen)
        ids = torch.zeros(len(chosen), length, dtype=torch.long)
        told = torch.full_like(ids, _NONE)
        for row, (asked, answer) in enumerate(chosen):
            end = len(asked) + len(answer)
            ids[row, :end] = torch.tensor(asked + answer)
            told[row, len(asked) : end] = torch.tensor(answer)
        places = position_ids(
            ids[:1],
            self._grids,
            self._config.image_token_id,
            self._config.vision.spatial_merge_size,
        )
        return Texts(ids, places, told)
