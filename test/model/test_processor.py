"""Pins: the parts make the prompt that the whole text would make, the state's extremes bound its
length, and what the model would misread is refused.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from wall_oss_ros.core.errors import CheckpointError, ModelError
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.config import PUBLISHED, TINY
from wall_oss_ros.model.processor import ModelInputs, Processor, ProcessorSettings
from wall_oss_ros.model.prompt import flow_prompt, state_text, text_prompt
from wall_oss_ros.model.tokenizer import Tokenizer

Array = np.ndarray
THREE = ("face_view", "left_wrist_view", "right_wrist_view")
ALL = torch.ones(26)
TASK = "pick up the red cube and put it into the tray"


def frames(*cameras: str, height: int = 56, width: int = 84) -> dict[str, Array]:
    draw = np.random.default_rng(0)
    return {name: draw.integers(0, 256, (height, width, 3), dtype=np.uint8) for name in cameras}


@pytest.fixture(scope="session")
def processor(tokenizer: Tokenizer) -> Processor:
    return Processor(tokenizer, PUBLISHED, ProcessorSettings(resolution=84))


def full_size(tokenizer: Tokenizer, **settings: object) -> Processor:
    return Processor(tokenizer, PUBLISHED, ProcessorSettings(**settings))  # type: ignore[arg-type]


instructions = st.text(st.characters(codec="utf-8"), min_size=1).filter(
    lambda text: text.strip() and "<|" not in text
)
states = st.lists(st.floats(-1.0, 1.0, width=32), min_size=26, max_size=26)
masks = st.lists(st.booleans(), min_size=26, max_size=26).filter(any)


# --- the law


@given(instructions, states, masks, st.lists(st.sampled_from(THREE), min_size=1, unique=True))
@example("pick  up:", [0.0] * 26, [True] * 26, ["face_view"])
@example("1 2 3\n", [1.0] * 26, [True] * 26, ["face_view"])
@example("\u0301 \u200d\r\n", [-1.0] * 26, [True] * 26, ["face_view"])
def test_the_parts_make_the_ids_of_the_whole_text(
    processor: Processor,
    instruction: str,
    state: list[float],
    mask: list[bool],
    cameras: list[str],
) -> None:
    images = frames(*cameras)
    for _ in range(2):  # the second time from what was kept
        inputs = processor.flow_inputs(images, instruction, state, mask, ALL, 4)
        words = state_text(np.float32(state), mask, 256)
        text = flow_prompt(cameras, [6] * len(cameras), instruction, words, 4, processor.settings)
        assert inputs.input_ids.tolist() == [processor.tokenizer.encode(text)]
        said = processor.text_inputs(images, instruction)
        text = text_prompt(cameras, [6] * len(cameras), instruction, processor.settings)
        assert said.input_ids.tolist() == [processor.tokenizer.encode(text)]


@given(states, masks)
def test_every_length_lies_between_those_of_the_extremes(
    processor: Processor, state: list[float], mask: list[bool]
) -> None:
    images = frames(*THREE)
    low, length, high = (
        processor.flow_inputs(images, TASK, values, mask, ALL, 4).input_ids.shape[1]
        for values in (-ALL, state, ALL)
    )
    assert low <= length <= high
    assert high - low == 2 * sum(mask)  # one to three digits each


# --- what comes out


def test_the_state_is_one_token_where_the_checkpoint_projects_it(tokenizer: Tokenizer) -> None:
    config = replace(PUBLISHED, state_as_text=False)
    processor = Processor(tokenizer, config, ProcessorSettings(resolution=-1))
    state = torch.linspace(-1, 1, 26)
    inputs = processor.flow_inputs(frames("face_view"), TASK, state, ALL, ALL, 4)
    text = flow_prompt(["face_view"], [6], TASK, "<|propri|>", 4, processor.settings)
    assert inputs.input_ids.tolist() == [tokenizer.encode(text)]
    assert torch.equal(inputs.proprioception, state[None, None])


def test_three_cameras_have_their_true_length(tokenizer: Tokenizer) -> None:
    processor = full_size(tokenizer)
    images = frames(*THREE, height=480, width=640)
    inputs = processor.flow_inputs(images, TASK, torch.zeros(26), ALL, ALL, 32)
    assert inputs.image_grid_thw.tolist() == [[1, 24, 32]] * 3
    assert inputs.input_ids.shape[1] == 3 * 192 + 69 + 105 + 32
    shortest = processor.flow_inputs(images, TASK, -ALL, ALL, ALL, 32)
    assert shortest.input_ids.shape[1] == 3 * 192 + 69 + 53 + 32


def test_inputs_have_the_model_s_shapes_and_types(processor: Processor) -> None:
    present = torch.tensor([1.0] * 20 + [0.0] * 6)
    inputs = processor.flow_inputs(frames(*THREE), TASK, torch.zeros(26), present, present, 5)
    length = inputs.input_ids.shape[1]
    shapes = {
        "input_ids": ((1, length), torch.int64),
        "attention_mask": ((1, length), torch.int64),
        "moe_token_types": ((1, length), torch.bool),
        "pixel_values": ((3 * 24, 1176), torch.float32),
        "image_grid_thw": ((3, 3), torch.int64),
        "proprioception": ((1, 1, 26), torch.float32),
        "agent_pos_mask": ((1, 1, 26), torch.float32),
        "dof_mask": ((1, 5, 26), torch.float32),
    }
    given = inputs.arguments()
    assert given.pop("action_horizon") == 5 and given.pop("action_dim") == 26
    assert {key: (tuple(x.shape), x.dtype) for key, x in given.items()} == shapes
    assert bool((inputs.attention_mask == 1).all())
    assert inputs.moe_token_types.nonzero()[:, 1].tolist() == list(range(length - 5, length))
    assert torch.equal(inputs.dof_mask[0, 3], present)


def test_pictures_stand_in_the_order_of_the_cameras(processor: Processor) -> None:
    images = frames(*THREE)
    inputs = processor.flow_inputs(images, TASK, torch.zeros(26), ALL, ALL, 4)
    for image, frame in zip(inputs.images, images.values(), strict=True):
        assert np.array_equal(image.numpy(), frame)
    backwards = dict(reversed(images.items()))
    turned = processor.flow_inputs(backwards, TASK, torch.zeros(26), ALL, ALL, 4)
    assert torch.equal(turned.pixel_values()[:24], inputs.pixel_values()[48:])
    assert not torch.equal(turned.input_ids, inputs.input_ids)


def test_the_model_takes_what_the_processor_gives(tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    for state_as_text in (True, False):
        config = replace(TINY, state_as_text=state_as_text)
        model = WallOssModel(config).eval()
        processor = Processor(tokenizer, config, ProcessorSettings(resolution=84))
        inputs = processor.flow_inputs(frames(*THREE), TASK, torch.zeros(26), ALL, ALL, 4)
        noise = torch.randn(1, 4, 26)
        chunk, same = (
            model.generate_flow_action(
                **inputs.arguments(uint8=uint8), noise=noise, num_inference_timesteps=2
            )["predict_action_normalized"]
            for uint8 in (False, True)
        )
        assert chunk.shape == (1, 4, 26) and bool(torch.isfinite(chunk).all())
        assert torch.equal(chunk, same)


# --- what is refused


def call(processor: Processor, **changed: object) -> ModelInputs:
    given: dict[str, object] = {
        "images": frames(*THREE),
        "instruction": TASK,
        "state": torch.zeros(26),
        "state_mask": ALL,
        "dof_mask": ALL,
        "horizon": 4,
    }
    return processor.flow_inputs(**{**given, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"images": {}}, "no pictures"),
        ({"images": [np.zeros((56, 56, 3), np.uint8)]}, "no pictures; expected one by camera"),
        ({"images": {"face_view": None}}, "picture of face_view is a NoneType"),
        ({"images": {"face_view": np.zeros((56, 56, 3))}}, "face_view is float64; expected uint8"),
        ({"images": {"face_view": np.zeros((1, 300, 3), np.uint8)}}, "face_view: picture is 300x1"),
        ({"instruction": " "}, "the instruction is empty"),
        ({"instruction": "wave <|action|>"}, "holds the special token <|action|>"),
        ({"state": torch.zeros(20)}, "state is (20); expected (26)"),
        ({"state": None}, "state is missing"),
        ({"state": torch.full((26,), math.nan)}, "state: 26 of 26 numbers are not finite"),
        ({"state": torch.full((26,), 1.01)}, "state goes from 1.01 to 1.01; expected -1 to 1"),
        ({"state_mask": torch.zeros(26)}, "no active dimension"),
        ({"state_mask": 0.5 * ALL}, "state_mask holds numbers other than 0 and 1"),
        ({"dof_mask": torch.ones(4, 26)}, "dof_mask is (4, 26); expected (26)"),
        ({"dof_mask": None}, "dof_mask is missing"),
        ({"horizon": 0}, "horizon is 0; expected 1 or more"),
        ({"horizon": 4.0}, "horizon is 4.0"),
        ({"horizon": True}, "horizon is True"),
    ],
)
def test_what_cannot_be_used_is_named(
    processor: Processor, changed: dict[str, object], says: str
) -> None:
    with pytest.raises(ModelError) as refusal:
        call(processor, **changed)
    assert says in str(refusal.value)


def test_a_camera_without_label_is_refused(tokenizer: Tokenizer) -> None:
    processor = full_size(tokenizer, camera_labels={"face_view": "front view"})
    with pytest.raises(ModelError, match="no label for camera 'left_wrist_view'"):
        call(processor)


def test_nothing_is_cut_off(tokenizer: Tokenizer) -> None:
    images = frames(*THREE, height=448, width=448)
    whole = call(full_size(tokenizer), images=images).input_ids.shape[1]
    call(full_size(tokenizer, max_length=whole), images=images)
    says = f"{whole} tokens: 768 of images, 69 of text, 105 of the state, 4 action rows; expected"
    short = full_size(tokenizer, max_length=whole - 1)
    with pytest.raises(ModelError, match=f"{says} at most {whole - 1}.*resolution"):
        call(short, images=images)
    with pytest.raises(ModelError, match="0 of the state, 0 action rows"):
        full_size(tokenizer, max_length=800).text_inputs(images, TASK)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"vocab_size": 151666}, "ids up to 151666"),
        ({"image_token_id": 500}, "image token is 151655 in the tokenizer and 500 in the model"),
        ({"vision_start_token_id": 501}, "vision start token is 151652"),
        ({"action_token_id": 151667}, "action token is 151666"),
        ({"state_token_id": 151664}, "state token is 151665"),
    ],
)
def test_a_tokenizer_of_another_checkpoint_is_refused(
    tokenizer: Tokenizer, changed: dict[str, object], says: str
) -> None:
    with pytest.raises(CheckpointError, match=says):
        Processor(tokenizer, replace(PUBLISHED, **changed))  # type: ignore[arg-type]


class Joining:
    """A tokenizer that takes a whole number as one token."""

    class Ids(list[int]):
        @property
        def ids(self) -> list[int]:
            return self

    def encode(self, text: str, add_special_tokens: bool) -> Joining.Ids:
        return Joining.Ids(map(len, text.split(" ")))


def test_a_tokenizer_that_joins_digits_is_refused(tokenizer: Tokenizer) -> None:
    joining = replace(tokenizer, backend=Joining())
    with pytest.raises(CheckpointError, match="one for each of the 10 characters"):
        Processor(joining, PUBLISHED)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ProcessorSettings(resolution=0), "resolution is 0"),
        (lambda: ProcessorSettings(resolution=9999), "resolution is 9999"),
        (lambda: ProcessorSettings(max_length=0), "max_length is 0"),
        (lambda: ProcessorSettings(state_bins=0), "state_bins is 0"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        make()


def test_nothing_but_torch_is_imported() -> None:
    code = (
        "import sys; import wall_oss_ros.model.processor;"
        "print([m for m in ('PIL', 'torchvision', 'transformers') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
