"""Pins: the prompt is the published one to the character, and nobody else writes special tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.prompt import (
    PromptSettings,
    camera_label,
    flow_prompt,
    observation,
    state_text,
    text_prompt,
)

DEFAULT = PromptSettings()


def test_the_flow_prompt_is_the_published_one() -> None:
    cameras = ["face_view", "right_wrist_view"]
    assert flow_prompt(cameras, [2, 1], "pick up the cube", "0 255", 3, DEFAULT) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nObservation:"
        " front view: <|vision_start|><|image_pad|><|image_pad|><|vision_end|>"
        " right wrist view: <|vision_start|><|image_pad|><|vision_end|>\n"
        "Instruction: pick up the cube\n"
        "Predict the next action in robot action.\n"
        "Proprioception: 0 255\n<|im_end|>\n"
        "<|im_start|>assistant\n<|action|><|action|><|action|>"
    )


def test_the_text_prompt_is_the_published_one() -> None:
    settings = PromptSettings(system_prompt="You move two arms.")
    assert text_prompt(["face_view"], [1], "set the table", settings) == (
        "<|im_start|>system\nYou move two arms.<|im_end|>\n"
        "<|im_start|>user\nObservation:"
        " front view: <|vision_start|><|image_pad|><|vision_end|>\n"
        "Instruction: set the table\n"
        "Predict the next action in language.\n<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(
    ("name", "published", "raw"),
    [
        ("face_view", "front view", "face_view"),
        ("left_wrist_view", "left wrist view", "left_wrist_view"),
        ("right_wrist_view", "right wrist view", "right_wrist_view"),
        ("move2_view", "move view", "move2_view"),
        ("top_view", "top view", "top_view"),
        ("camera_front", "camera front", "camera_front"),
        ("head", "head", "head"),
    ],
)
def test_a_camera_has_its_published_words_or_its_name(name: str, published: str, raw: str) -> None:
    assert camera_label(name, DEFAULT) == published
    assert camera_label(name, PromptSettings(raw_camera_names=True)) == raw


def test_own_labels_replace_all_published_ones() -> None:
    settings = PromptSettings(camera_labels={"face_view": "head camera", "hand": "hand view"})
    assert camera_label("face_view", settings) == "head camera"
    with pytest.raises(
        ModelError, match="'left_wrist_view'; camera_labels has 'face_view', 'hand'"
    ):
        camera_label("left_wrist_view", settings)


@given(
    st.lists(st.floats(-1.0, 1.0, width=32), min_size=1, max_size=26),
    st.sampled_from([2, 256, 512]),
)
def test_a_step_holds_its_number(state: list[float], bins: int) -> None:
    steps = [int(word) for word in state_text(state, np.ones(len(state)), bins).split(" ")]
    for value, step in zip(state, steps, strict=True):
        assert 0 <= step < bins
        low, high = -1.0 + 2.0 * step / bins, -1.0 + 2.0 * (step + 1) / bins
        assert low <= value < high or (value == 1.0 and step == bins - 1)


def test_the_state_is_written_as_published() -> None:
    state = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 0.9921875], np.float32)
    assert state_text(state, np.ones(6), 256) == "0 64 128 192 255 255"
    assert state_text(state, np.ones(6), 512) == "0 128 256 384 511 510"
    # A hair below an edge of the steps in float32 is below it in float64, too.
    below = np.nextafter(np.float32(-0.5), np.float32(-1.0))
    assert state_text([below], [True], 256) == "63"


def test_only_active_dimensions_are_written() -> None:
    state = [-1.0, math.nan, 1.0, 7.0]
    assert state_text(state, [1, 0, 1, 0], 256) == "0 255"


@pytest.mark.parametrize(
    ("state", "mask", "says"),
    [
        ([0.0, 1.5], [1, 1], "from 0 to 1.5; expected -1 to 1"),
        ([math.nan, 0.0], [1, 1], "expected -1 to 1"),
        ([0.0, 0.0], [0, 0], "no active dimension"),
        ([0.0, 0.0], [1], r"state is \(2,\), its mask \(1,\)"),
        ([[0.0]], [[1]], r"expected \(D,\) each"),
    ],
)
def test_what_is_no_normalised_state_is_refused(state: object, mask: object, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        state_text(state, mask, 256)


@pytest.mark.parametrize("instruction", ["", " ", "\n\t "])
def test_an_empty_instruction_is_refused(instruction: str) -> None:
    with pytest.raises(ModelError, match="the instruction is empty"):
        observation(["face_view"], instruction, DEFAULT)


@pytest.mark.parametrize(
    "token", ["<|action|>", "<|im_end|>", "<|image_pad|>", "<|propri|>", "<||>"]
)
def test_nobody_writes_special_tokens(token: str) -> None:
    with pytest.raises(ModelError, match="the instruction holds the special token <.*>; expected"):
        observation(["face_view"], f"pick {token} up", DEFAULT)
    with pytest.raises(ModelError, match="the name of a camera holds the special token"):
        observation([f"face{token}"], "pick up", DEFAULT)
    with pytest.raises(ModelError, match="system_prompt holds the special token"):
        PromptSettings(system_prompt=token)
    with pytest.raises(ModelError, match=r"camera_labels\['face_view'\] holds the special token"):
        PromptSettings(camera_labels={"face_view": token})


def test_what_only_looks_like_a_special_token_is_text() -> None:
    *_, last = observation(["face_view"], "pick a < b | c > d <| e", DEFAULT)
    assert last.endswith("Instruction: pick a < b | c > d <| e")


def test_no_camera_is_refused() -> None:
    with pytest.raises(ModelError, match="no cameras"):
        observation([], "pick up", DEFAULT)
    with pytest.raises(ModelError, match="the name of a camera is empty"):
        observation([""], "pick up", DEFAULT)
    with pytest.raises(ModelError, match="the instruction is a NoneType; expected text"):
        observation(["face_view"], None, DEFAULT)  # type: ignore[arg-type]


def test_settings_that_contradict_are_refused() -> None:
    with pytest.raises(ModelError, match="both set"):
        PromptSettings(camera_labels={"a": "b"}, raw_camera_names=True)
    with pytest.raises(ModelError, match="state_bins is 1"):
        PromptSettings(state_bins=1)
