"""Action chunks as discrete tokens: a residual vector quantizer between two small networks.

Its tokens teach the part of the model that reads (pictures and words) what a chunk is about, by
cross-entropy, which reaches it more directly than the flow loss does. The model's authors use such
a tokenizer (X-Tokenizer, arXiv 2606.14752): residual codebooks, the first for what is coarse, each
further one for what is left; trained to reconstruct, in time and in the frequencies of the discrete
cosine transform, and, as options, to go with what is seen (`picture_losses.py`). The quantizer is
`vector_quantize_pytorch`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from vector_quantize_pytorch import ResidualVQ

from wall_oss_ros.core.errors import CheckpointError
from wall_oss_ros.training.picture_losses import PictureLosses

# Thumbnails before and behind chunks.
Seen = tuple[Tensor, Tensor]

TOKENIZER_FILE = "action_tokenizer.safetensors"
# Two convolutions halve the rows: a token stands for four.
_ROWS_PER_PLACE = 4


@dataclass(frozen=True, slots=True)
class ActionTokenizerSettings:
    """Sizes and the training of an action tokenizer.

    Attributes:
        levels: codebooks, each for what the ones before left over.
        codes: entries of each.
        width: channels of the two networks.
        latent: channels of a code.
        cosine: weight of the loss in the frequencies.
        align: weight of the alignment with what changes in the pictures; 0 leaves it away.
        next_frame: weight of the pictures behind a chunk; 0 leaves it away.
        steps: updates.
        batch: chunks per update.
        rate: learning rate.
    """

    levels: int = 2
    codes: int = 64
    width: int = 128
    latent: int = 32
    cosine: float = 0.1
    align: float = 0.0
    next_frame: float = 0.0
    steps: int = 2000
    batch: int = 256
    rate: float = 1e-3

    @property
    def vocabulary(self) -> int:
        """How many different tokens there are."""
        return self.levels * self.codes


class ActionTokenizer(nn.Module):
    """Chunks to tokens and back.

    Args:
        horizon: rows of a chunk, a multiple of four.
        columns: those that move; the others carry nothing.
        settings: sizes.

    Raises:
        CheckpointError: for another horizon.
    """

    def __init__(
        self, horizon: int, columns: tuple[int, ...], settings: ActionTokenizerSettings
    ) -> None:
        super().__init__()
        if horizon % _ROWS_PER_PLACE:
            raise CheckpointError(
                f"action tokens stand for {_ROWS_PER_PLACE} rows each; a chunk has {horizon}"
            )
        self.horizon, self.columns, self.settings = horizon, columns, settings
        dims, width, latent = len(columns), settings.width, settings.latent
        self.encoder = nn.Sequential(
            nn.Conv1d(dims, width, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv1d(width, latent, 3, padding=1),
        )
        self.quantizer = ResidualVQ(
            dim=latent,
            num_quantizers=settings.levels,
            codebook_size=settings.codes,
            kmeans_init=True,
            threshold_ema_dead_code=2,
        )
        self.decoder = nn.Sequential(
            nn.Conv1d(latent, width, 3, padding=1),
            nn.SiLU(),
            nn.ConvTranspose1d(width, width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.ConvTranspose1d(width, width, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv1d(width, dims, 3, padding=1),
        )
        self._cosines: Tensor
        self.register_buffer("_cosines", cosines(horizon), persistent=False)

    @property
    def count(self) -> int:
        """Tokens of a chunk."""
        return self.horizon // _ROWS_PER_PLACE * self.settings.levels

    @property
    def vocabulary(self) -> int:
        """How many different tokens there are."""
        return self.settings.vocabulary

    @torch.no_grad()
    def encode(self, chunks: Tensor) -> Tensor:
        """Return (n, count) tokens of normalised chunks (n, H, D): first all coarse ones."""
        _, codes, _ = self.quantizer(self._latent(chunks))
        first = torch.arange(self.settings.levels, device=codes.device) * self.settings.codes
        tokens: Tensor = (codes + first).transpose(1, 2).flatten(1)
        return tokens

    @torch.no_grad()
    def decode(self, tokens: Tensor) -> Tensor:
        """Return the moving columns (n, H, len(columns)) of the chunks of tokens (n, count)."""
        codes = tokens.unflatten(1, (self.settings.levels, -1)).transpose(1, 2)
        codes = codes % self.settings.codes
        return self._rows(self.quantizer.get_output_from_indices(codes))

    def losses(
        self, chunks: Tensor, pictures: PictureLosses | None = None, seen: Seen | None = None
    ) -> dict[str, Tensor]:
        """Return what training makes small: "rows", "cosine", "commitment" and the "loss".

        Args:
            chunks: (n, H, D) normalised.
            pictures: heads for "align" and "next_frame".
            seen: what they see.
        """
        quantized, _, commitment = self.quantizer(self._latent(chunks))
        wrong = self._rows(quantized) - chunks[..., self.columns]
        found = {
            "rows": wrong.square().mean(),
            "cosine": (self._cosines @ wrong).abs().mean(),
            "commitment": commitment.sum(),
        }
        found["loss"] = found["rows"] + self.settings.cosine * found["cosine"] + found["commitment"]
        if pictures is not None and seen is not None:
            align, next_frame = pictures(quantized.flatten(1), *seen)
            found |= {"align": align, "next_frame": next_frame}
            found["loss"] = found["loss"] + self.settings.align * align
            found["loss"] = found["loss"] + self.settings.next_frame * next_frame
        return found

    def save(self, folder: Path) -> None:
        """Write weights and sizes into a checkpoint's folder."""
        about = {"horizon": self.horizon, "columns": self.columns, **asdict(self.settings)}
        tensors = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(tensors, folder / TOKENIZER_FILE, metadata={"settings": json.dumps(about)})

    @classmethod
    def load(cls, folder: Path) -> ActionTokenizer:
        """Read one that `save` wrote.

        Raises:
            CheckpointError: if it is not there, or is another file.
        """
        file = folder / TOKENIZER_FILE
        try:
            with safe_open(str(file), framework="pt") as stored:
                about = json.loads(stored.metadata()["settings"])
                weights = {name: stored.get_tensor(name) for name in stored.keys()}
            horizon, columns = about.pop("horizon"), tuple(about.pop("columns"))
            made = cls(horizon, columns, ActionTokenizerSettings(**about))
            made.load_state_dict(weights)
        except (OSError, SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as e:
            raise CheckpointError(f"{file} is no action tokenizer: {e}") from None
        return made.eval()

    def _latent(self, chunks: Tensor) -> Tensor:
        """Return (n, places, latent)."""
        out: Tensor = self.encoder(chunks[..., self.columns].transpose(1, 2)).transpose(1, 2)
        return out

    def _rows(self, latent: Tensor) -> Tensor:
        out: Tensor = self.decoder(latent.transpose(1, 2)).transpose(1, 2)
        return out


def cosines(rows: int) -> Tensor:
    """Return the (rows, rows) matrix of the orthonormal discrete cosine transform, type II."""
    k, n = (torch.arange(rows, dtype=torch.float64).unsqueeze(axis) for axis in (1, 0))
    matrix = torch.cos(math.pi / rows * (n + 0.5) * k) * math.sqrt(2.0 / rows)
    matrix[0] /= math.sqrt(2.0)
    return matrix.float()


def train_action_tokenizer(
    chunks: Tensor,
    columns: tuple[int, ...],
    settings: ActionTokenizerSettings,
    seed: int,
    seen: Seen | None = None,
) -> ActionTokenizer:
    """Return a tokenizer trained on normalised chunks (n, H, D).

    Args:
        chunks: all rows of each must count.
        columns: those that move.
        settings: sizes and training.
        seed: of weights and order.
        seen: thumbnails at the beginning and at the end of each chunk, (n, pixels) uint8 each;
            needed for `align` and `next_frame`.
    """
    # The library draws its codebooks from the global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = ActionTokenizer(chunks.shape[1], columns, settings).train()
        trained = [*tokenizer.parameters()]
        pictures: PictureLosses | None = None
        if seen is not None:
            codes = tokenizer.horizon // _ROWS_PER_PLACE * settings.latent
            pictures = PictureLosses(codes, seen[0].shape[1])
            trained += pictures.parameters()
        optimizer = torch.optim.AdamW(trained, lr=settings.rate)
        down = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
        for _ in range(settings.steps):
            which = torch.randint(len(chunks), (settings.batch,))
            optimizer.zero_grad()
            shown = None if seen is None else (seen[0][which], seen[1][which])
            tokenizer.losses(chunks[which], pictures, shown)["loss"].backward()
            optimizer.step()
            down.step()
    return tokenizer.eval()
