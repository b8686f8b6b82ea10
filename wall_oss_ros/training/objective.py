"""What training makes small: the flow-matching loss of action chunks, and what may help it.

Nothing in a prompt sees an action row, so one pass over pictures and words serves several draws of
noise and time: the prompt's keys and values are shared, and only the cheap rows run again. Discrete
action tokens read the same prompt, so they and the rows cannot see each other either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from wall_oss_ros.model.decoder import ACTION, TEXT, Growing, ReadOnly
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.layers import Run, call
from wall_oss_ros.model.wall_oss import WallOssModel
from wall_oss_ros.training.batch import Batch, Draw, Texts

# Times are (1 - Beta(1.5, 1)) * scale in the published recipe: more of them near the noise.
_BETA = (1.5, 1.0)
# Errors of the truth below this, in its units, count by their squares.
_SMOOTH = 0.2
# Kinds of block times lengths of prompts; dynamo's own limit of 8 is for one function.
_MOST_COMPILED = 256


@dataclass(frozen=True, slots=True)
class ObjectiveSettings:
    """Parts of the loss.

    Attributes:
        draws: of noise and time per observation.
        truth: weight of the loss on where the named object is, read from the prompt behind its
            pictures; 0 leaves it away. The head that reads it is not part of the checkpoint.
        truth_dim: numbers that say where it is.
        place: weight of the loss on where in its picture every image token is; likewise.
        discrete: weight of the cross-entropy of discrete action tokens; 0 leaves it away. The
            model's authors take 0.01.
        text: weight of the cross-entropy of the next step in words; likewise.
        insulate: whether the flow loss leaves pictures and words alone and trains only what acts
            (as in "Knowledge Insulating Vision-Language-Action Models", arXiv 2505.23705). They
            must learn from the other losses then.
    """

    draws: int = 4
    truth: float = 0.1
    truth_dim: int = 0
    place: float = 0.0
    discrete: float = 0.0
    text: float = 0.0
    insulate: bool = False


def compiled() -> Run:
    """Return a call that compiles each kind of block once per shape; all layers share the code.

    On a processor the small model takes 0.36 s instead of 0.59 s of its time for a step.
    """
    torch._dynamo.config.recompile_limit = _MOST_COMPILED
    run: Run = torch.compile(call, dynamic=False)
    return run


class Objective(nn.Module):
    """A model and its loss, as one module that can be wrapped for several devices.

    Args:
        model: what is trained; its parameters need gradients.
        settings: parts of the loss.
        run: how a block of the model is called, e.g. a compiled `layers.call`.
        weights: (H, D) of the squared errors, see `Batches.row_weights`; None for all alike.
    """

    def __init__(
        self,
        model: WallOssModel,
        settings: ObjectiveSettings,
        run: Run = call,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.model, self.settings, self._run = model, settings, run
        self._weights: Tensor | None
        self.register_buffer("_weights", weights, persistent=False)
        self.truth_head: nn.Module | None = None
        if settings.truth and settings.truth_dim:
            width = model.config.hidden_size
            self.truth_head = nn.Sequential(
                nn.Linear(width, width), nn.SiLU(), nn.Linear(width, settings.truth_dim)
            )
        self.place_head = nn.Linear(model.config.hidden_size, 2) if settings.place else None

    def draw(self, batch: Batch, generator: torch.Generator) -> Draw:
        """Return noise and times for a batch, drawn on the CPU."""
        rows = (len(batch.actions) * self.settings.draws, *batch.actions.shape[1:])
        noise = torch.randn(rows, generator=generator)
        # Of Beta(a, 1) the a-th root of an even number is a sample.
        even = torch.rand(rows[0], generator=generator)
        times = (1.0 - even ** (1.0 / _BETA[0])) * self.model.config.time_scale
        device = batch.actions.device
        return Draw(noise.to(device), times.to(device))

    def forward(self, batch: Batch, draw: Draw) -> dict[str, Tensor]:
        """Return the parts of the loss by name, and their weighted sum as "loss"."""
        image = self.model.see(batch.inputs, self._run)
        memories, hidden = self._read(batch.inputs, image)
        acting = len(batch.actions)
        memories = [ReadOnly(m.keys[:acting], m.values[:acting]) for m in memories]
        shown = memories
        if self.settings.insulate:
            shown = [ReadOnly(m.keys.detach(), m.values.detach()) for m in memories]
        losses = {"flow": self._flow(batch, draw, shown)}
        total = losses["flow"]
        if self.truth_head is not None and batch.truth is not None:
            told = self._truth(self.truth_head, hidden, batch)
            losses["truth"] = told[-1]
            total = total + self.settings.truth * (told[-1] + told.mean())
        if self.place_head is not None and image is not None:
            losses["place"] = self._place(self.place_head, hidden, batch.inputs)
            total = total + self.settings.place * losses["place"]
        if self.settings.discrete and batch.tokens is not None:
            losses["discrete"] = self._discrete(batch.inputs, batch.tokens, memories)
            total = total + self.settings.discrete * losses["discrete"]
        if self.settings.text and batch.texts is not None and image is not None:
            losses["text"] = self._text(batch.inputs, image, batch.texts)
            total = total + self.settings.text * losses["text"]
        return {"loss": total, **losses}

    def truth(self, batch: Batch) -> Tensor | None:
        """Return that part of the loss at the end of the prompt; None where it is not learnt."""
        if self.truth_head is None or batch.truth is None:
            return None
        image = self.model.see(batch.inputs, self._run)
        return self._truth(self.truth_head, self._read(batch.inputs, image)[1], batch)[-1]

    def _truth(self, head: nn.Module, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the loss (n,) on where the named object is, at every token behind the pictures.

        All of them are asked, not only the last: the word for the object can look for it directly,
        while the end of the prompt must have heard of that word first, and learns it after it.
        """
        assert batch.truth is not None
        images = batch.inputs.prompt[0] == self.model.config.image_token_id
        first = int(images.nonzero()[-1]) + 1 if bool(images.any()) else 0
        found = head(hidden[:, first:].float())
        # Not squared: whether it is on the left or on the right is soon known, and a centimetre
        # shall count beside it.
        wrong = functional.smooth_l1_loss(
            found, batch.truth[:, None].expand_as(found), beta=_SMOOTH, reduction="none"
        )
        return wrong.mean(dim=(0, 2))

    def _place(self, head: nn.Module, hidden: Tensor, inputs: FlowInputs) -> Tensor:
        """Return the loss on row and column of every image token, -1 to 1 over its picture.

        All positions in this architecture are relative ones. Without this, a small model is slow to
        find out that a token's place in its picture can be known at all.
        """
        config = self.model.config
        merge, (_, rows, columns) = config.vision.spatial_merge_size, inputs.grids[0]
        axes = [torch.linspace(-1.0, 1.0, size // merge) for size in (rows, columns)]
        places = torch.cartesian_prod(*axes).to(hidden.device)
        told = head(hidden[inputs.prompt == config.image_token_id].float())
        return functional.mse_loss(
            told.view(-1, *places.shape), places.expand(len(told) // len(places), -1, -1)
        )

    def _read(self, inputs: FlowInputs, image: Tensor | None) -> tuple[list[ReadOnly], Tensor]:
        """Return the prompt's memories, and (B, P, hidden) of its tokens before the last layer."""
        model = self.model
        x = model.embed_seen(inputs, image)
        memories = [Growing() for _ in model.model.layers]
        rope = model.model.rope(inputs.positions[:, :1, : inputs.prompt.shape[1]])
        seen = [x]

        def keep(layer: nn.Module, *given: object) -> Tensor:
            out: Tensor = self._run(layer, *given)
            seen[0] = out
            return out

        model.model.read(x, rope, memories, keep)
        return [ReadOnly(*memory.content()) for memory in memories], seen[0]

    def _flow(self, batch: Batch, draw: Draw, memories: list[ReadOnly]) -> Tensor:
        model, config, draws = self.model, self.model.config, self.settings.draws
        inputs = batch.inputs
        actions = batch.actions.repeat_interleave(draws, 0)
        mask = inputs.dof_mask[: len(batch.actions)].repeat_interleave(draws, 0)
        time = draw.times[:, None, None]
        x = (1.0 - time) * draw.noise + time * actions
        shared = [
            ReadOnly(m.keys.repeat_interleave(draws, 0), m.values.repeat_interleave(draws, 0))
            for m in memories
        ]
        prompt = inputs.prompt.shape[1]
        rope = model.model.rope(inputs.positions[:, :1, prompt:])
        head, width = model.action_preprocessor, config.experts[ACTION].hidden_size
        rows = head.embed(x, mask, draw.times[:, None])
        rows = functional.pad(rows, (0, width - rows.shape[-1]))
        rows = rows.to(model.model.embed_tokens.weight.dtype)
        seen = model.action_mask(prompt, inputs.horizon)
        hidden = model.model(rows, ACTION, rope, shared, seen, run=self._run)
        out = head.action_proj_back(hidden[..., : head.inner].float())
        error = out - actions if config.predict_x else out - (actions - draw.noise)
        mask = mask * batch.counted.repeat_interleave(draws, 0)[..., None]
        if self._weights is not None:
            mask = mask * self._weights
        return (error.square() * mask).sum() / mask.sum()

    def _discrete(self, inputs: FlowInputs, tokens: Tensor, memories: list[ReadOnly]) -> Tensor:
        """Return the cross-entropy of action tokens (B, n), each told from those before it.

        The placeholder of an action row stands before the first. Positions are those of the rows.
        """
        model, (_, count) = self.model.model, tokens.shape
        prompt = inputs.prompt.shape[1]
        before = functional.pad(
            tokens[:, :-1].clamp(min=0), (1, 0), value=self.model.config.action_token_id
        )
        first = inputs.positions[:, :1, prompt : prompt + 1]
        places = first + torch.arange(count, device=first.device)
        seen = torch.ones(count, prompt + count, dtype=torch.bool, device=tokens.device)
        mask = self.model.folded_mask(seen.tril(prompt))
        hidden = model(
            model.embed_tokens(before), TEXT, model.rope(places), memories, mask, run=self._run
        )
        return self._told(hidden, tokens)

    def _text(self, inputs: FlowInputs, image: Tensor, texts: Texts) -> Tensor:
        """Return the cross-entropy of words, about the pictures that the last observations show."""
        model, count = self.model.model, len(texts.ids)
        seen = image[len(image) - count * (len(image) // len(inputs.prompt)) :]
        asked = replace(inputs, prompt=texts.ids, state=None)
        x = self.model.embed_seen(asked, seen)
        memories = [Growing() for _ in model.layers]
        rope = model.rope(texts.positions)
        hidden = model(x, TEXT, rope, memories, causal=True, run=self._run)
        told = texts.answers[:, 1:]
        places = (told >= 0).any(0).nonzero().flatten()
        return self._told(hidden[:, places], told[:, places])

    def _told(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Return the cross-entropy of tokens (B, n), negative where there are none."""
        logits = functional.linear(hidden, self.model.model.embed_tokens.weight).float()
        wrong = functional.cross_entropy(
            logits.flatten(0, 1), tokens.flatten(), ignore_index=-1, reduction="sum"
        )
        return wrong / (tokens >= 0).sum().clamp(min=1)
