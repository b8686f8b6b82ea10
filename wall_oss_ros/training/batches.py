"""Batches of one prompt length each, drawn from samples in memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from wall_oss_ros.model.config import ModelConfig
from wall_oss_ros.model.images import patchify
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.layout import known_columns
from wall_oss_ros.model.normalizer import Statistics
from wall_oss_ros.model.processor import Processor
from wall_oss_ros.model.rope import position_ids
from wall_oss_ros.training.action_tokenizer import ActionTokenizer
from wall_oss_ros.training.batch import Batch
from wall_oss_ros.training.picture_losses import thumbnails
from wall_oss_ros.training.samples import Samples, patch_grids
from wall_oss_ros.training.text_prompts import TextPrompts
from wall_oss_ros.training.truth import seen_from_tools

# Of a normalised number: less is noise, and not worth more attention.
_LEAST_VARIANCE = 0.01
# How many frames are the beginning of an episode: half a second at 20 Hz.
_FIRST_FRAMES = 10


class Batches:
    """Draws batches; prompts in them are written by the processor that a robot uses.

    Args:
        samples: frames in memory.
        processor: of the checkpoint.
        config: of the model.
        action: statistics of action rows.
        state: statistics of states.
        jitter: how far brightness and contrast of a picture go, as a share; 0 leaves them.
        beginnings: share of a batch that is drawn from the first frames of episodes only, where the
            tools' places do not tell yet where to go.
        glances: share of a batch that is only looked at, drawn from frames without a row to learn
            from; where there is no truth, or no such frame, there are none.
        texts: share of a batch that is asked for the next step in words, too, where the data say.
    """

    def __init__(
        self,
        samples: Samples,
        processor: Processor,
        config: ModelConfig,
        action: Statistics,
        state: Statistics,
        jitter: float = 0.0,
        beginnings: float = 0.0,
        glances: float = 0.0,
        texts: float = 0.0,
    ) -> None:
        self.samples, self._config, self._jitter = samples, config, jitter
        self._beginnings, self._glances = beginnings, glances
        self._mask = torch.from_numpy(known_columns(config).astype("float32"))
        still = action.normalize(torch.zeros(config.action_dim), clamp=False)
        # A masked dimension ends where the published code lets it: at the normalised zero.
        self._chunks = torch.where(self._mask > 0, action.normalize(samples.chunks), still)
        self._states = state.normalize(samples.states)
        self._truth, self.truth_dim = None, 0
        if samples.truth is not None:
            truth = torch.cat(
                (samples.truth, seen_from_tools(samples.states, samples.truth)), dim=1
            )
            self._truth = truth - truth.mean(0)
            self.truth_dim = truth.shape[1]
        self._tokens: Tensor | None = None
        self._whole = samples.rows == config.horizon
        self._prompts, self._prompt_of = self._written(processor)
        self._texts = TextPrompts(samples, processor, config) if samples.subtasks else None
        self._text_share = texts
        self._places = self._by_length(samples.rows > 0)
        self._looked = self._by_length(samples.rows == 0) if self.truth_dim else {}
        self._first = {
            length: places[samples.age[places] < _FIRST_FRAMES]
            for length, places in self._places.items()
        }

    def row_weights(self) -> Tensor:
        """Return (H, D) weights that make every row and dimension of a chunk count alike, mean 1.

        The first rows, which a robot follows, go a few millimetres, the last ones half a metre; in
        squared errors the last ones would be all that counts.
        """
        weights = 1.0 / (self._chunks.var(dim=0) + _LEAST_VARIANCE)
        return weights / weights[:, self._mask > 0].mean()

    def whole_chunks(self) -> Tensor:
        """Return (n, H, D) the normalised chunks all of whose rows count."""
        return self._chunks[self._whole]

    def seen_around_chunks(self) -> tuple[Tensor, Tensor]:
        """Return (n, pixels) uint8 thumbnails of every `whole_chunks`, at its beginning and end."""
        pictures, whole = self.samples.pictures, self._whole.nonzero().flatten()
        small = torch.cat([thumbnails(part) for part in pictures.split(1024)])
        return small[whole], small[self.samples.end[whole]]

    @property
    def columns(self) -> tuple[int, ...]:
        """The columns of an action that are there."""
        return tuple(int(column) for column in self._mask.nonzero().flatten())

    def tokenize(self, tokenizer: ActionTokenizer, first_id: int) -> None:
        """Give batches the discrete tokens of their chunks, where all rows of a chunk count.

        Args:
            tokenizer: makes them.
            first_id: id of its first token.
        """
        found = torch.cat([tokenizer.encode(part) for part in self._chunks.split(1024)]) + first_id
        self._tokens = torch.where(self._whole[:, None], found, torch.full_like(found, -1))

    def draw(
        self,
        size: int,
        generator: torch.Generator,
        beginnings: float | None = None,
        glances: float | None = None,
    ) -> Batch:
        """Return a random batch.

        Args:
            size: observations.
            generator: of the choice and of the pictures' jitter, on the CPU.
            beginnings: share of first frames among those to act on; None for that of the
                constructor.
            glances: share that is only looked at; likewise.
        """
        share = self._beginnings if beginnings is None else beginnings
        looked_at = self._glances if glances is None else glances
        lengths = sorted(self._places)
        counts = torch.tensor([float(len(self._places[length])) for length in lengths])
        length = lengths[int(torch.multinomial(counts, 1, generator=generator))]
        places, first = self._places[length], self._first[length]
        others = self._looked.get(length, places[:0])
        looks = round(looked_at * size) if len(others) else 0
        early = round(share * (size - looks)) if len(first) else 0
        drawn = [
            each[torch.randint(len(each), (count,), generator=generator)]
            for each, count in ((first, early), (places, size - looks - early), (others, looks))
            if count
        ]
        which = torch.cat(drawn)
        texts = round(self._text_share * size) if self._texts is not None else 0
        return self._batch(which, generator if self._jitter else None, size - looks, texts)

    def all(self, size: int) -> Iterator[tuple[Tensor, Batch]]:
        """Yield every frame to learn from once, with its place, in batches, without jitter."""
        for places in self._places.values():
            for which in places.split(size):
                yield which, self._batch(which, None, len(which))

    def _batch(
        self, which: Tensor, generator: torch.Generator | None, acting: int, texts: int = 0
    ) -> Batch:
        """Return the frames `which`; chunks are of the first `acting`, texts of the last ones."""
        samples, config, size = self.samples, self._config, len(which)
        frames = samples.pictures[which].flatten(0, 1)
        if generator is not None:
            frames = self._jittered(frames, generator)
        ids = torch.stack([self._prompts[int(prompt)] for prompt in self._prompt_of[which]])
        grids = patch_grids(samples, config, size)
        horizon = config.horizon
        places = position_ids(
            ids[:1],
            grids[: len(samples.cameras)],
            config.image_token_id,
            config.vision.spatial_merge_size,
        )
        mask = self._mask.expand(size, horizon, -1)
        state_id = config.state_token_id
        inputs = FlowInputs(
            prompt=ids[:, : ids.shape[1] - horizon],
            positions=places.expand(-1, size, -1),
            pixel_values=patchify(frames, config.vision),
            images=(),
            grids=grids,
            state=None if config.state_as_text else self._states[which][:, None],
            state_mask=self._mask.expand(size, 1, -1),
            state_token_id=-1 if state_id is None else state_id,
            dof_mask=mask,
            noise=torch.zeros(size, horizon, config.action_dim),
        )
        truth = None if self._truth is None else self._truth[which]
        text = self._texts.of(which[size - texts :]) if texts and self._texts is not None else None
        which = which[:acting]
        counted = (torch.arange(horizon) < samples.rows[which, None]).float()
        tokens = None if self._tokens is None else self._tokens[which]
        return Batch(inputs, self._chunks[which], counted, truth, tokens, text)

    def _jittered(self, frames: Tensor, generator: torch.Generator) -> Tensor:
        """Return pictures (n, h, w, 3) of other brightness and contrast each."""
        scale, shift = (
            (torch.rand(len(frames), 1, 1, 1, generator=generator) * 2 - 1) * self._jitter
            for _ in range(2)
        )
        return (frames * (1.0 + scale) + 128.0 * shift).clamp(0, 255).to(torch.uint8)

    def _written(self, processor: Processor) -> tuple[list[Tensor], Tensor]:
        """Return the ids of prompts with their action rows, and (N,) which one a frame has.

        Where the state is one token there is a prompt per task; where it is text, one per frame.
        """
        samples, config = self.samples, self._config
        images = dict(zip(samples.cameras, samples.pictures[0], strict=True))
        still = torch.zeros(config.state_dim)
        asked = [(task, still) for task in samples.tasks]
        prompt_of = samples.task
        if config.state_as_text:
            pairs = zip(samples.task.tolist(), self._states, strict=True)
            asked = [(samples.tasks[task], state) for task, state in pairs]
            prompt_of = torch.arange(len(samples))
        written = []
        for task, state in asked:
            given = processor.flow_inputs(
                images, task, state, self._mask, self._mask, config.horizon
            )
            written.append(given.input_ids[0])
        return written, prompt_of

    def _by_length(self, wanted: Tensor) -> dict[int, Tensor]:
        """Return the places of the wanted (N,) frames, by the length of their prompt."""
        lengths = torch.tensor([len(ids) for ids in self._prompts])[self._prompt_of] * wanted
        return {
            int(length): (lengths == length).nonzero().flatten()
            for length in lengths.unique()
            if length
        }
