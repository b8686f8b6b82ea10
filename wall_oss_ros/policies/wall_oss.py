"""Wall-OSS as a policy: an observation of this robot in the model's terms, and its answer back."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk, PolicyOutput, StageTimes
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import ModelError, PolicyError, choices
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.device import pick_device, pick_dtype
from wall_oss_ros.model.engine import Engine
from wall_oss_ros.model.inputs import FlowInputs
from wall_oss_ros.model.layout import known_columns
from wall_oss_ros.model.processor import Processor, ProcessorSettings
from wall_oss_ros.model.prompt import SYSTEM_PROMPT
from wall_oss_ros.model.rtc import Continuation
from wall_oss_ros.model.sanity import Limits
from wall_oss_ros.model.tokenizer import Tokenizer
from wall_oss_ros.model.trial import Trial, check_statistics, try_out
from wall_oss_ros.policies.going_on import GoingOn
from wall_oss_ros.policies.subtask_source import (
    Images,
    ModelSubtasks,
    SubtaskSource,
    TemplateSubtasks,
)
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings

log = logging.getLogger(__name__)

_END_OF_TEXT = 151643  # of the base model
# Lengths of instructions that are prepared for before the robot may move.
_WORDS_PREPARED = (2, 12, 24, 48)
# How much two runs of the same noise may differ on a GPU, normalised.
_SAME_ON_GPU = 1e-3


class WallOssPolicy:
    """Implements `core.policy.Policy` and `core.policy.PlanAware`.

    Args:
        contract: the robot.
        checkpoint: folder in the published layout.
        settings: how the model is run.
    """

    name = "wall_oss"

    def __init__(self, contract: RobotContract, checkpoint: str, settings: WallOssSettings) -> None:
        self._contract, self._checkpoint, self._settings = contract, checkpoint, settings
        self._horizon = settings.horizon or contract.action.horizon
        self._noise = torch.Generator()
        self._subtasks: SubtaskSource | None = None
        if settings.subtasks == "model":
            self._subtasks = ModelSubtasks(self._ask, settings.subtask_period_s)
        elif settings.subtasks == "template":
            self._subtasks = template = TemplateSubtasks()
            # Only then: who has this is given the simulator's ground truth.
            self.observe_task = template.observe_task
        self._prepared: set[tuple[object, ...]] = set()
        self._slowed = False  # whether the last chunk came late for what is not done for every one
        self._model: WallOssModel

    def load(self) -> None:
        """Load the checkpoint, prepare the engine, and judge a first chunk.

        Raises:
            PolicyError: with what is missing or does not fit this robot.
        """
        if not self._checkpoint:
            raise PolicyError(
                "policy 'wall_oss' needs a model: give its folder as checkpoint:=/path/to/model"
            )
        if self._horizon > self._contract.action.horizon:
            raise PolicyError(
                f"wall_oss.horizon is {self._horizon} rows, the contract's action.horizon "
                f"{self._contract.action.horizon}"
            )
        device = self._device()
        self._model = model = WallOssModel.from_pretrained(
            self._checkpoint, dtype=pick_dtype(self._settings.dtype, device), device=device
        )
        self._cameras = self._cameras_seen(model)
        self._processor = Processor(
            Tokenizer.load(self._checkpoint),
            model.config,
            ProcessorSettings(
                system_prompt=self._settings.system_prompt or SYSTEM_PROMPT,
                camera_labels=self._settings.labels(),
                raw_camera_names=self._settings.raw_camera_names,
                state_bins=self._settings.state_bins,
                resolution=self._settings.resolution or model.config.resolution,
                max_length=self._settings.max_length,
            ),
            device,
        )
        wanted = self._contract.model.normalizer_key
        self._key = check_statistics(model, wanted, self._checkpoint)
        self._state_statistics = model.normalizers.of_state(wanted or self._key)
        # Parts the robot has, and dimensions the checkpoint was trained on.
        has = action_space.part_mask(self._contract.commanded_parts)
        self._mask: NDArray[np.bool_] = has & known_columns(model.config)
        mode = self._settings.continuation
        if mode == "auto":
            mode = model.config.continuation
        self._going_on = GoingOn(mode, self._settings, self._contract.action.dt, self._mask)
        if model.config.horizon != self._horizon:
            log.warning(
                "the checkpoint was trained on chunks of %d rows, the robot asks for %d",
                model.config.horizon, self._horizon,
            )  # fmt: skip
        self._engine = Engine(
            model,
            self._settings.engine,
            steps=self._settings.steps,
            autotune=self._settings.autotune,
        )
        self._try_out(has)
        self.reset()

    def reset(self) -> None:
        """Forget the running motion and the subtask; noise begins anew, so that runs repeat."""
        self._going_on.forget()
        if self._subtasks is not None:
            self._subtasks.forget()
        self._noise.manual_seed(self._settings.seed)

    def committed(self, plan: CommittedPlan | None) -> None:
        """Learn what the executor is committed to."""
        self._going_on.committed(plan)

    def published(self, chunk: ActionChunk) -> None:
        """Learn as which chunk the last answer goes to the executor."""
        self._going_on.published(chunk, slow=self._slowed)

    def infer(self, observation: Observation, instruction: str) -> PolicyOutput:
        """Return the next rows.

        Raises:
            PolicyError: if this observation or instruction cannot be answered.
        """
        begin = time.perf_counter()
        self._slowed = False
        there = {camera.label: camera.pixels for camera in observation.cameras}
        images = {label: there[label] for label in self._cameras}
        if self._subtasks is not None:
            instruction = self._subtasks.subtask(images, instruction, observation.stamp_ns)
            self._slowed |= self._subtasks.slow
        self._prepare(images, instruction)
        inputs = self._inputs(images, instruction, observation.state)
        rows = self._going_on.rows(observation, self._horizon)
        continuation = self._continuation(rows)
        preprocessed = time.perf_counter()
        output = self._engine.generate(inputs, self._key, continuation)
        self._slowed |= output.prepared
        if output.actions is None:
            raise ValueError("statistics were there when it was loaded")
        actions = output.actions[0].numpy().astype(np.float64)
        return PolicyOutput(
            actions=self._going_on.leaving(actions),
            mask=self._mask,
            stages=StageTimes(
                preprocess_ms=(preprocessed - begin) * 1e3 + output.times.upload,
                prefix_ms=output.times.vision + output.times.prompt,
                denoise_ms=output.times.denoise,
                total_ms=(time.perf_counter() - begin) * 1e3,
            ),
            frozen_prefix=continuation.delay if continuation is not None else 0,
        )

    def _inputs(
        self,
        images: Mapping[str, NDArray[np.uint8]],
        instruction: str,
        state: Array,
        noise: torch.Tensor | None = None,
    ) -> FlowInputs:
        mask = torch.from_numpy(self._mask.astype(np.float32))
        given = self._processor.flow_inputs(
            images,
            instruction,
            self._state_statistics.normalize(torch.from_numpy(np.array(state, np.float32))),
            mask,
            mask,
            self._horizon,
        )
        return given.checked(self._model.config, noise=noise, generator=self._noise)

    def _continuation(self, rows: Array | None) -> Continuation | None:
        """Return the running motion's rows (V, 26) in the model's numbers."""
        if rows is None:
            return None
        statistics = self._model.normalizers.action[self._key]
        told = statistics.normalize(torch.from_numpy(rows.astype(np.float32)), clamp=False)
        return self._going_on.continuation(told[None])

    def _ask(self, images: Images, instruction: str) -> str:
        """Return what the model says is to be done next."""
        asked = self._processor.text_inputs(images, instruction).arguments(uint8=True)
        del asked["moe_token_types"]  # words have no action rows
        ids = self._model.generate_text(
            **asked,
            stop_ids=(
                self._model.config.eos_token_id,
                self._processor.tokenizer.im_end_id,
                _END_OF_TEXT,
            ),
            retry_temperature=0.7,
            generator=self._noise,
        )
        return self._processor.tokenizer.decode(ids)

    def _try_out(self, has: NDArray[np.bool_]) -> None:
        """Run a first inference on grey pictures and a middling state, and judge it."""
        resolution = self._settings.resolution or self._model.config.resolution
        edge = resolution if resolution > 0 else 448
        grey = np.full((edge, edge, 3), 128, dtype=np.uint8)
        images = dict.fromkeys(self._cameras, grey)
        trial = Trial(
            key=self._key,
            horizon=self._horizon,
            parts=has,
            limits=Limits.of(self._contract),
            tolerance=_SAME_ON_GPU if self._model.device.type == "cuda" else 0.0,
        )
        findings = try_out(self._engine, self._processor, images, trial)
        faults = [f"{finding.name}: {finding.detail}" for finding in findings if not finding.ok]
        if faults:
            raise PolicyError(
                f"the model's first chunk does not suit {self._contract.name}: "
                f"{'; '.join(faults)}. 'wall-oss check {self._checkpoint}' tells more; the usual "
                "cause is model.normalizer_key in the robot contract"
            )
        for words in _WORDS_PREPARED:
            self._prepare(images, " ".join(["word"] * words))

    def _prepare(self, images: Mapping[str, NDArray[np.uint8]], instruction: str) -> None:
        """Prepare the engine for every prompt that pictures of these sizes can lead to.

        For an instruction longer than was prepared for, or pictures of another size, the first
        chunk comes late.
        """
        sizes = {label: pixels.shape[:2] for label, pixels in images.items()}
        key = (instruction, *sizes.items())
        if key in self._prepared:
            return
        statistics = self._state_statistics
        for extreme in (-1.0, 0.0, 1.0):  # one to three digits in the state's text
            state = statistics.unnormalize(torch.full((action_space.ACTION_DIM,), extreme))
            # No noise is drawn, so that chunks do not depend on what was prepared when.
            still = torch.zeros(1, self._horizon, action_space.ACTION_DIM)
            inputs = self._inputs(images, instruction, state.numpy(), still)
            self._slowed |= self._engine.prepare(inputs, guided=self._going_on.guidance)
        self._prepared.add(key)

    def _cameras_seen(self, model: WallOssModel) -> tuple[str, ...]:
        """Return the labels of the pictures that go to the model, in its order."""
        there = [camera.label for camera in self._contract.cameras.values()]
        missing = [label for label in model.config.cameras if label not in there]
        if missing:
            raise PolicyError(
                f"the checkpoint was trained with the pictures {choices(model.config.cameras)}; "
                f"{self._contract.name} has {choices(there)}"
            )
        return model.config.cameras or tuple(there)

    def _device(self) -> torch.device:
        try:
            return pick_device(self._settings.device)
        except ModelError as error:
            raise PolicyError(f"wall_oss.device is '{self._settings.device}': {error}") from None
