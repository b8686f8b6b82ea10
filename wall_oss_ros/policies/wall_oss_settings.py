"""How the model is run on this installation; what the robot needs of it is in the contract.

Beside the back end and not in it, so that the policy node can declare them as parameters on a
machine that has no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.settings import SettingError, Settings, setting

# As in model/engine.py and, behind "auto", in model/config.py; importing the model takes torch.
ENGINES = ("auto", "eager", "graphs", "compiled")
CONTINUATIONS = ("auto", "off", "inpainted", "guided", "prefix")


@dataclass(frozen=True, slots=True)
class WallOssSettings(Settings):
    """Parameters ``wall_oss.*`` of the policy node."""

    device: str = setting("auto", "where the model runs: auto, cpu, cuda, cuda:1")
    dtype: str = setting(
        "auto",
        "type of the large matrices; auto: bfloat16 on CUDA, float32 elsewhere",
        valid=("auto", "bfloat16", "float32"),
    )
    engine: str = setting(
        "auto",
        "how it runs; auto: the fastest that works",
        valid=ENGINES,
    )
    autotune: bool = setting(False, "let the compiler measure kernels; minutes at the first start")
    steps: int = setting(10, "Euler steps from noise to actions", low=1, high=100)
    horizon: int = setting(
        0, "rows of a chunk; 0: as many as the contract's action.horizon", low=0, high=512
    )
    seed: int = setting(
        0,
        "of the noise; the same seed and observations give the same chunks",
        low=0,
        high=2**31 - 1,
    )
    resolution: int = setting(
        0,
        "long side of the pictures the model sees [px]; -1: as they come, 0: as the checkpoint "
        "says, or 448 where it is silent",
        low=-1,
        high=4096,
    )
    state_bins: int = setting(
        256,
        "steps of the state text; 256 for the base checkpoint, some fine-tuned ones have 512",
        low=2,
        high=65536,
    )
    max_length: int = setting(
        2048, "most tokens of a prompt with its pictures and rows; longer ones are refused",
        low=64, high=32768,
    )  # fmt: skip
    raw_camera_names: bool = setting(
        False, "write 'face_view' into the prompt instead of 'front view'"
    )
    camera_labels: str = setting(
        "",
        "words for the cameras where they are not the published ones: "
        "'face_view=front view; left_wrist_view=left hand view'",
    )
    system_prompt: str = setting("", "text of the first turn; empty for the published one")
    subtasks: str = setting(
        "off",
        "what comes next is asked for first, and followed as the instruction: of the model, or, in "
        "simulation, of a template that reads the ground truth",
        valid=("off", "model", "template"),
    )
    subtask_period_s: float = setting(
        2.0, "how often the subtask is asked for again [s]", low=0.1, high=600.0
    )
    continuation: str = setting(
        "auto",
        "real-time chunking: inpainted and guided pull a new chunk towards the running motion, "
        "guided by a gradient, which doubles the price of a step; prefix holds the rows that are "
        "committed; auto: as the checkpoint says, or off where it is silent",
        valid=CONTINUATIONS,
    )
    guidance: float = setting(
        10.0,
        "largest weight of the pull; no more than steps is used, which closes all of the "
        "difference",
        low=0.0,
        high=1000.0,
    )
    spread: float = setting(
        0.2,
        "how far the model's chunks for one observation spread, as a standard deviation of "
        "normalised numbers: guided is weighted for it",
        low=0.01,
        high=10.0,
    )
    overlap: int = setting(
        0, "rows that are pulled; 0: as far as the running motion reaches", low=0, high=512
    )
    fade_s: float = setting(
        0.4,
        "time behind the committed rows over which a chunk leaves the running motion [s]",
        low=0.0,
        high=5.0,
    )

    def labels(self) -> dict[str, str] | None:
        """Return the words of `camera_labels` by camera; None for the published ones.

        Raises:
            SettingError: if it is not written as pairs.
        """
        pairs = [pair.partition("=") for pair in self.camera_labels.split(";") if pair.strip()]
        if any(
            not equals or not name.strip() or not words.strip() for name, equals, words in pairs
        ):
            raise SettingError(
                f"camera_labels: got '{self.camera_labels}'; expected pairs such as "
                "'face_view=front view; left_wrist_view=left wrist view'"
            )
        return {name.strip(): words.strip() for name, _, words in pairs} or None
