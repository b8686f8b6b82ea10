"""Pins: what cannot be used is refused before anything is computed, by the argument's name.

No error of torch or of Python escapes, whatever is given; what is accepted obeys the laws of the
model: rows of a batch do not meet, masked dimensions do not matter, noise decides.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from wall_oss_ros.core.errors import CheckpointError, ModelError
from wall_oss_ros.model import WallOssModel

IMAGE, START, END, VIDEO, STATE, ACTION = 500, 501, 502, 503, 504, 505
NAN, INF = float("nan"), float("inf")
CLOSE = {"rtol": 0.0, "atol": 1e-5}


@functools.cache
def model(case: str = "v05") -> WallOssModel:
    return reference.load(case)


@functools.cache
def recorded(case: str) -> dict[str, Tensor]:
    return reference.arrays(case)


def arguments(case: str = "v05", **changes: Any) -> dict[str, Any]:
    """Return the arguments of a recorded run, few steps; a change is a value or a function."""
    out = reference.arguments(recorded(case))
    out["num_inference_timesteps"] = 2
    for name, change in changes.items():
        out[name] = change(out[name]) if callable(change) else change
    return out


def run(case: str = "v05", **changes: Any) -> Tensor:
    out = model(case).generate_flow_action(**arguments(case, **changes))
    return out["predict_action_normalized"]


def refusal(case: str, **changes: Any) -> str:
    with pytest.raises(ModelError) as caught:
        run(case, **changes)
    return str(caught.value)


def with_one(value: float) -> Any:
    """Return a change that puts a value in one place."""

    def change(given: Tensor) -> Tensor:
        out = given.clone().to(torch.float64)
        out.view(-1)[out.numel() // 2] = value
        return out

    return change


def ids_with(place: int, token: int) -> Any:
    def change(ids: Tensor) -> Tensor:
        out = ids.clone()
        out[0, place] = token
        return out

    return change


def one_step_later(rows: Tensor) -> Tensor:
    """Move the second row's action block by one; it stays as long as it was."""
    return torch.stack((rows[0], rows[1].roll(1)))


# Case, change, and words of the message: the argument, what was got, what was expected.
REFUSED = {
    # ids
    "no ids": ("v05", {"input_ids": None}, ["input_ids", "missing"]),
    "ids of one axis": ("v05", {"input_ids": lambda x: x[0]}, ["input_ids", "(82)", "(any, any)"]),
    "ids of three axes": ("v05", {"input_ids": lambda x: x[None]}, ["input_ids", "(1, 1, 82)"]),
    "no rows": ("v05", {"input_ids": lambda x: x[:0]}, ["input_ids", "empty", "(0, 82)"]),
    "no tokens": ("v05", {"input_ids": lambda x: x[:, :0]}, ["input_ids", "empty"]),
    "ids as text": ("v05", {"input_ids": "pick up the cup"}, ["input_ids"]),
    "ids as words": ("v05", {"input_ids": [["pick", "up"]]}, ["input_ids"]),
    "ragged ids": ("v05", {"input_ids": [[1, 2], [3]]}, ["input_ids"]),
    "ids as floats": ("v05", {"input_ids": lambda x: x + 0.5}, ["input_ids", "float32", "int64"]),
    "an id below": ("v05", {"input_ids": ids_with(3, -1)}, ["input_ids", "-1", "512"]),
    "an id above": ("v05", {"input_ids": ids_with(3, 512)}, ["input_ids", "512 rows"]),
    "video": ("v05", {"input_ids": ids_with(3, VIDEO)}, ["video"]),
    "the padding token": ("v05", {"input_ids": ids_with(3, 0)}, ["padding token 0"]),
    # padding
    "padding": ("v05", {"attention_mask": ids_with(0, 0)}, ["attention_mask", "padding"]),
    "a mask of 2": ("v05", {"attention_mask": ids_with(0, 2)}, ["attention_mask", "2", "0 and 1"]),
    "a short mask": ("v05", {"attention_mask": lambda x: x[:, 1:]}, ["attention_mask", "(1, 81)"]),
    # images
    "no images": ("v05", {"pixel_values": None}, ["images", "0 tokens", "42"]),
    "no sizes": ("v05", {"image_grid_thw": None}, ["image_grid_thw", "missing"]),
    "an image too few": (
        "v05",
        {"pixel_values": lambda x: x[:120], "image_grid_thw": lambda x: x[:1]},
        ["30 tokens", "42"],
    ),
    "an image too many": (
        "v05",
        {
            "pixel_values": lambda x: torch.cat((x, x[120:])),
            "image_grid_thw": [[1, 10, 12], [1, 6, 8], [1, 6, 8]],
        },
        ["54 tokens", "42"],
    ),
    "patches too few": ("v05", {"pixel_values": lambda x: x[1:]}, ["pixel_values", "167", "168"]),
    "patches too narrow": ("v05", {"pixel_values": lambda x: x[:, 1:]}, ["pixel_values", "1176"]),
    "one placeholder less": ("v05", {"input_ids": ids_with(20, 9)}, ["42 tokens", "41"]),
    "one placeholder more": ("v05", {"input_ids": ids_with(3, IMAGE)}, ["42 tokens", "43"]),
    "a gap in an image": (
        "v05",
        {"input_ids": lambda x: ids_with(20, 9)(ids_with(3, IMAGE)(x))},
        ["placeholders"],
    ),
    "images in another order": ("v05", {"image_grid_thw": lambda x: x.flip(0)}, ["placeholders"]),
    "a video grid": (
        "v05",
        {"image_grid_thw": [[2, 6, 10], [1, 6, 8]]},
        ["image_grid_thw", "(2, 6, 10)", "1 frame"],
    ),
    "odd patches": (
        "v05",
        {"image_grid_thw": [[1, 8, 15], [1, 6, 8]]},
        ["image_grid_thw", "(1, 8, 15)"],
    ),
    "no rows of patches": (
        "v05",
        {"image_grid_thw": [[1, 0, 12], [1, 14, 12]]},
        ["image_grid_thw", "0"],
    ),
    "patches below zero": (
        "v05",
        {"image_grid_thw": [[1, -10, -12], [1, 6, 8]]},
        ["image_grid_thw", "-12"],
    ),
    "sizes as floats": (
        "v05",
        {"image_grid_thw": lambda x: x * 1.0},
        ["image_grid_thw", "float32"],
    ),
    "sizes of two": (
        "v05",
        {"image_grid_thw": lambda x: x[:, 1:]},
        ["image_grid_thw", "(2, 2)", "(any, 3)"],
    ),
    "a pixel not a number": (
        "v05",
        {"pixel_values": with_one(NAN)},
        ["pixel_values", "not finite"],
    ),
    "a pixel without end": ("v05", {"pixel_values": with_one(INF)}, ["pixel_values", "not finite"]),
    "a pixel beyond float32": (
        "v05",
        {"pixel_values": with_one(1e60)},
        ["pixel_values", "not finite"],
    ),
    "pixels as text": ("v05", {"pixel_values": "red"}, ["pixel_values"]),
    "both kinds of images": (
        "v05",
        {"images": [np.zeros((56, 56, 3), np.uint8)]},
        ["images", "pixel_values"],
    ),
    "images that are none": ("v05", {"pixel_values": None, "images": 5}, ["images", "5"]),
    "an image of floats": (
        "v05",
        {"pixel_values": None, "images": [np.zeros((56, 56, 3))]},
        ["images[0]", "float64", "uint8"],
    ),
    "an image without colours": (
        "v05",
        {"pixel_values": None, "images": [np.zeros((56, 56), np.uint8)]},
        ["images[0]", "(56, 56)", "(any, any, 3)"],
    ),
    "an image of another size": (
        "v05",
        {"pixel_values": None, "images": [np.zeros((56, 60, 3), np.uint8)]},
        ["images[0]", "60 x 56", "28"],
    ),
    # action rows
    "no types": ("v05", {"moe_token_types": None}, ["moe_token_types", "action_token_id"]),
    "no action rows": ("v05", {"moe_token_types": torch.zeros_like}, ["0 action rows", "8"]),
    "only action rows": ("v05", {"moe_token_types": torch.ones_like}, ["82 action rows", "8"]),
    "types of another length": (
        "v05",
        {"moe_token_types": lambda x: x[:, 1:]},
        ["moe_token_types", "(1, 81)"],
    ),
    "a third type": (
        "v05",
        {"moe_token_types": lambda x: x.long() * 2},
        ["moe_token_types", "2", "0 and 1"],
    ),
    "types that are not on the rows": (
        "v05",
        {"moe_token_types": lambda x: x.roll(-1)},
        ["moe_token_types", "input_ids"],
    ),
    "two blocks": (
        "v05",
        {"input_ids": ids_with(3, ACTION), "moe_token_types": ids_with(3, 1)},
        ["9", "8"],
    ),
    "a gap in the rows": (
        "v05",
        {
            "input_ids": lambda x: ids_with(3, ACTION)(ids_with(77, 9)(x)),
            "moe_token_types": lambda x: ids_with(3, 1)(ids_with(77, 0)(x)),
        },
        ["one block"],
    ),
    "rows that do not align": (
        "v05_batch",
        {
            "input_ids": one_step_later,
            "moe_token_types": one_step_later,
        },
        ["action rows", "align"],
    ),
    "an action row first": (
        "v05",
        {
            "input_ids": lambda x: x[:, 74:],
            "moe_token_types": lambda x: x[:, 74:],
            "attention_mask": None,
            "pixel_values": None,
        },
        ["empty"],
    ),
    "images behind the rows": (
        "v05",
        {
            "input_ids": lambda x: torch.cat((x[:, :45], x[:, 58:], x[:, 45:58]), 1),
            "moe_token_types": lambda x: torch.cat((x[:, :45], x[:, 58:], x[:, 45:58]), 1),
        },
        ["input_ids", "behind the action rows"],
    ),
    # numbers
    "horizon 0": ("v05", {"action_horizon": 0}, ["action_horizon", "0", "from 1"]),
    "horizon -1": ("v05", {"action_horizon": -1}, ["action_horizon", "-1", "from 1"]),
    "horizon True": ("v05", {"action_horizon": True}, ["action_horizon", "True"]),
    "horizon 2.5": ("v05", {"action_horizon": 2.5}, ["action_horizon", "2.5"]),
    "horizon 8.0": ("v05", {"action_horizon": 8.0}, ["action_horizon", "8.0"]),
    "horizon '8'": ("v05", {"action_horizon": "8"}, ["action_horizon", "'8'"]),
    "horizon missing": ("v05", {"action_horizon": None}, ["action_horizon", "None"]),
    "horizon 7": ("v05", {"action_horizon": 7}, ["8 action rows", "7"]),
    "horizon 9": ("v05", {"action_horizon": 9}, ["8 action rows", "9"]),
    "steps 0": ("v05", {"num_inference_timesteps": 0}, ["num_inference_timesteps", "0"]),
    "steps -3": ("v05", {"num_inference_timesteps": -3}, ["num_inference_timesteps", "-3"]),
    "steps True": ("v05", {"num_inference_timesteps": True}, ["num_inference_timesteps", "True"]),
    "steps 2.5": ("v05", {"num_inference_timesteps": 2.5}, ["num_inference_timesteps", "2.5"]),
    "steps missing": ("v05", {"num_inference_timesteps": None}, ["num_inference_timesteps"]),
    "another width": ("v05", {"action_dim": 20}, ["action_dim", "20", "26"]),
    "a width that is none": ("v05", {"action_dim": "wide"}, ["action_dim", "'wide'"]),
    # masks, state, noise
    "no mask": ("v05", {"dof_mask": None}, ["dof_mask", "missing", "(1, 8, 26)"]),
    "a mask of one row": (
        "v05",
        {"dof_mask": lambda x: x[:, :1]},
        ["dof_mask", "(1, 1, 26)", "(1, 8, 26)"],
    ),
    "half a mask": ("v05", {"dof_mask": with_one(0.5)}, ["dof_mask", "0.5", "0 and 1"]),
    "a mask not a number": ("v05", {"dof_mask": with_one(NAN)}, ["dof_mask"]),
    "noise of another shape": (
        "v05",
        {"noise": lambda x: x[..., 1:]},
        ["noise", "(1, 8, 25)", "(1, 8, 26)"],
    ),
    "noise not a number": ("v05", {"noise": with_one(NAN)}, ["noise", "1 of 208", "not finite"]),
    "noise without end": ("v05", {"noise": with_one(-INF)}, ["noise", "not finite"]),
    "noise beyond float32": ("v05", {"noise": with_one(1e39)}, ["noise", "not finite"]),
    "complex noise": ("v05", {"noise": lambda x: x * 1j}, ["noise", "complex64"]),
    "a generator that is none": ("v05", {"noise": None, "generator": 7}, ["generator", "7"]),
    "no state": ("v05_state_token", {"proprioception": None}, ["proprioception", "(1, 1, 26)"]),
    "no state mask": ("v05_state_token", {"agent_pos_mask": None}, ["agent_pos_mask", "missing"]),
    "a flat state": (
        "v05_state_token",
        {"proprioception": lambda x: x[0]},
        ["proprioception", "(1, 26)"],
    ),
    "two states": (
        "v05_state_token",
        {"proprioception": lambda x: x.expand(1, 2, 26)},
        ["proprioception"],
    ),
    "a state not a number": (
        "v05_state_token",
        {"proprioception": with_one(NAN)},
        ["proprioception"],
    ),
    "half a state mask": (
        "v05_state_token",
        {"agent_pos_mask": with_one(0.5)},
        ["agent_pos_mask", "0.5"],
    ),
    "no state token": (
        "v05_state_token",
        {"input_ids": lambda x: torch.where(x == STATE, 9, x)},
        ["state tokens", "[0]"],
    ),
    "two state tokens": (
        "v05_state_token",
        {"input_ids": ids_with(3, STATE)},
        ["state tokens", "[2]"],
    ),
    # names
    "an unknown dataset": ("v05", {"dataset_names": "nowhere"}, ["nowhere", "test"]),
    "an unknown dataset in a list": ("v05", {"dataset_names": ["nowhere"]}, ["nowhere", "test"]),
    "names for two": ("v05", {"dataset_names": ["test", "test"]}, ["dataset_names", "2", "1"]),
    "no names": ("v05", {"dataset_names": []}, ["dataset_names", "0", "1"]),
    "a name for two rows": ("v05_batch", {"dataset_names": ["test"]}, ["dataset_names", "1", "2"]),
    "a number as name": ("v05", {"dataset_names": 5}, ["dataset_names", "5"]),
    "a list in the list": ("v05", {"dataset_names": [["test"]]}, ["dataset_names"]),
    # batch
    "masks for one of two rows": (
        "v05_batch",
        {"dof_mask": lambda x: x[:1]},
        ["dof_mask", "(1, 8, 26)", "(2, 8, 26)"],
    ),
    "noise for one of two rows": ("v05_batch", {"noise": lambda x: x[:1]}, ["noise", "(1, 8, 26)"]),
    "prompts of two lengths": (
        "v05_batch",
        {"input_ids": lambda x: [x[0].tolist(), x[1, 1:].tolist()]},
        ["input_ids"],
    ),
    "images of one of two rows": (
        "v05_batch",
        {"pixel_values": lambda x: x[:168], "image_grid_thw": lambda x: x[:2]},
        ["42 tokens", "84"],
    ),
}


@pytest.mark.parametrize(("case", "changes", "words"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_what_was_got_and_expected(
    case: str, changes: dict[str, Any], words: list[str]
) -> None:
    text = refusal(case, **changes)
    for word in words:
        assert word in text


def test_an_unknown_dataset_is_the_checkpoints_matter() -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        run(dataset_names="nowhere")


def test_nothing_is_computed_for_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(model().visual, "forward", fail)
    for name in ("an unknown dataset", "steps 0", "half a mask", "noise without end"):
        case, changes, _ = REFUSED[name]
        refusal(case, **changes)


junk = (
    st.none()
    | st.booleans()
    | st.integers(-5, 600)
    | st.floats(width=32)
    | st.text(max_size=3)
    | st.lists(st.integers(-5, 600), max_size=4)
    | st.lists(st.lists(st.floats(width=16), max_size=3), max_size=3)
    | st.builds(
        lambda shape, value, kind: np.full(shape, value).astype(kind),
        st.lists(st.integers(0, 4), max_size=4).map(tuple),
        st.sampled_from([0, 1, 2, 500]),
        st.sampled_from([np.float32, np.float16, np.int64, np.int32, np.uint8, bool]),
    )
    | st.just(object())
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["v05", "v05_state_token", "v05_batch"]), st.data())
def test_junk_is_refused_or_changes_nothing(case: str, data: st.DataObject) -> None:
    """Where it is not refused, it is something the run does not need."""
    names = [name for name in arguments(case) if name != "num_inference_timesteps"]
    name = data.draw(st.sampled_from([*names, "images", "dataset_names", "generator"]))
    value = data.draw(junk)
    try:
        got = run(case, **{name: value, "num_inference_timesteps": 1})
    except ModelError:
        return
    assert got.shape == recorded(case)["noise"].shape
    assert torch.isfinite(got).all()


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["v05", "flow_lerobot", "v05_batch"]), st.data())
def test_a_prompt_with_tokens_changed_is_refused_or_read(case: str, data: st.DataObject) -> None:
    ids = recorded(case)["in_input_ids"].clone()
    special = st.sampled_from([0, IMAGE, START, END, VIDEO, STATE, ACTION, 511, 512, -1])
    for _ in range(data.draw(st.integers(1, 4))):
        row = data.draw(st.integers(0, len(ids) - 1))
        place = data.draw(st.integers(0, ids.shape[1] - 1))
        ids[row, place] = data.draw(special)
    try:
        got = run(case, input_ids=ids, num_inference_timesteps=1)
    except ModelError:
        return
    assert torch.isfinite(got).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-2, 16)] * 3), min_size=1, max_size=4))
def test_any_sizes_of_images_are_refused_or_read(grids: list[tuple[int, int, int]]) -> None:
    """Whatever the sizes are, the prompt has as many placeholders as they ask for."""
    patches = max(1, min(2000, sum(t * h * w for t, h, w in grids)))
    tokens = max(0, patches // 4)
    ids = torch.tensor([[5, 6, *[IMAGE] * tokens, 7, *[ACTION] * 8]])
    types = ids == ACTION
    try:
        got = run(
            input_ids=ids,
            attention_mask=None,
            moe_token_types=types,
            image_grid_thw=grids,
            pixel_values=torch.zeros(patches, 1176),
            num_inference_timesteps=1,
        )
    except ModelError:
        return
    assert torch.isfinite(got).all()
    assert all(t == 1 and h % 2 == 0 and w % 2 == 0 for t, h, w in grids)


# What may be given in more than one way.


def test_arrays_and_lists_are_as_good_as_tensors() -> None:
    expected = run()
    assert torch.equal(
        run(**{k: v.numpy() for k, v in arguments().items() if _is_tensor(v)}), expected
    )
    lists = {k: v.tolist() for k, v in arguments().items() if _is_tensor(v) and k != "pixel_values"}
    assert torch.equal(run(**lists), expected)


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def test_numbers_of_other_types_are_converted() -> None:
    expected = run()
    other = run(
        input_ids=lambda x: x.int(),
        attention_mask=lambda x: x.bool(),
        moe_token_types=lambda x: x.to(torch.uint8),
        dof_mask=lambda x: x.bool(),
        noise=lambda x: x.double(),
        pixel_values=lambda x: x.double(),
        image_grid_thw=lambda x: x.int(),
        action_horizon=np.int64(8),
    )
    assert torch.equal(other, expected)


def test_an_attention_mask_of_ones_is_none() -> None:
    assert torch.equal(run(attention_mask=None), run())


def test_a_name_stands_for_every_row() -> None:
    expected = run("v05_batch")
    for names in ("test", ["test", "test"], ("test", "test"), None):
        assert torch.equal(run("v05_batch", dataset_names=names), expected)


def test_without_noise_the_generator_draws_it() -> None:
    def drawn(seed: int) -> Tensor:
        return run(noise=None, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    noise = torch.randn((1, 8, 26), generator=torch.Generator().manual_seed(1))
    assert torch.equal(run(noise=noise), drawn(1))


def test_the_arguments_are_left_as_they_were() -> None:
    given_ = arguments("v05_state_token")
    before = {name: v.clone() for name, v in given_.items() if _is_tensor(v)}
    model("v05_state_token").generate_flow_action(**given_)
    assert all(torch.equal(given_[name], value) for name, value in before.items())


# Laws.

seeds = st.integers(0, 2**31)
few = settings(max_examples=8, deadline=None)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@few
@given(seeds)
def test_the_same_noise_gives_the_same_actions(seed: int) -> None:
    noise = drawn(seed, 1, 8, 26)
    assert torch.equal(run(noise=noise), run(noise=noise.clone()))


@few
@given(seeds, seeds)
def test_a_batch_is_its_rows_one_by_one(first: int, second: int) -> None:
    """Two requests with other words, pictures of another shape, noise and masks."""

    def one(seed: int, grids: list[list[int]]) -> dict[str, Any]:
        words = torch.randint(1, 499, (30,), generator=torch.Generator().manual_seed(seed)).tolist()
        images = [[START, *[IMAGE] * (h * w // 4), END] for _, h, w in grids]
        row = [*words[:9], *images[0], *words[9:14], *images[1], *words[14:], *[ACTION] * 8]
        ids = torch.tensor([row])
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "moe_token_types": ids == ACTION,
            "pixel_values": drawn(seed, sum(h * w for _, h, w in grids), 1176),
            "image_grid_thw": torch.tensor(grids),
            "noise": drawn(seed + 1, 1, 8, 26),
            "dof_mask": (drawn(seed + 2, 1, 8, 26) > 0).float(),
            "proprioception": None,
            "agent_pos_mask": None,
        }

    rows = [one(first, [[1, 4, 6], [1, 2, 12]]), one(second, [[1, 2, 2], [1, 22, 2]])]
    both = {
        name: None if rows[0][name] is None else torch.cat([row[name] for row in rows])
        for name in rows[0]
    }
    together = run(**both)
    for index, row in enumerate(rows):
        torch.testing.assert_close(together[index : index + 1], run(**row), **CLOSE)


@few
@given(seeds)
def test_an_action_row_sees_none_behind_it_where_the_block_is_causal(seed: int) -> None:
    noise = recorded("v05")["noise"].clone()
    place = seed % 7 + 1
    noise[:, place:] = drawn(seed, 1, 8 - place, 26)
    for case, sees in (("v05", False), ("v05_bidirectional", True)):
        before = run(case, noise=recorded("v05")["noise"])[:, :place]
        after = run(case, noise=noise)[:, :place]
        assert torch.allclose(before, after, atol=1e-5) != sees


@few
@given(seeds)
def test_masked_dimensions_are_the_models_own_matter(seed: int) -> None:
    """They slide from their noise to their target whatever the model says about them."""
    mask = (drawn(seed, 1, 8, 26) > 0).float()
    noise = drawn(seed + 1, 1, 8, 26)
    slides = run(noise=noise, dof_mask=mask)
    target = model().normalizers.action["test"].normalize(torch.zeros(1, 1, 26))
    there = noise + 0.999 * (target - noise)
    torch.testing.assert_close(slides[mask == 0], there[mask == 0], **CLOSE)


def test_the_other_tokens_behind_the_rows_change_nothing() -> None:
    """Flow v0.1 was served with an end of turn there."""

    def behind(value: int) -> Any:
        return lambda x: torch.cat((x, torch.full((1, 3), value, dtype=x.dtype)), 1)

    more = run(input_ids=behind(7), moe_token_types=behind(0), attention_mask=behind(1))
    assert torch.equal(more, run())


def test_the_order_of_the_images_matters() -> None:
    """Two of the same shape: swapped they are another request, unless they are the same image."""
    ids = torch.tensor(
        [[5, START, *[IMAGE] * 6, END, 8, START, *[IMAGE] * 6, END, 7, *[ACTION] * 8]]
    )
    one, other = drawn(1, 24, 1176), drawn(2, 24, 1176)

    def seen(first: Tensor, second: Tensor) -> Tensor:
        return run(
            input_ids=ids,
            attention_mask=None,
            moe_token_types=ids == ACTION,
            image_grid_thw=[[1, 4, 6], [1, 4, 6]],
            pixel_values=torch.cat((first, second)),
        )

    assert not torch.allclose(seen(one, other), seen(other, one), atol=1e-4)
    assert torch.equal(seen(one, one), seen(one, one.clone()))


def test_each_image_is_encoded_alone() -> None:
    """Its tokens are the same beside other images, in whatever order they come."""
    tower = model()
    grids = [(1, 18, 18), (1, 6, 8), (1, 8, 8)]
    pixels = [drawn(i, h * w, 1176) for i, (_, h, w) in enumerate(grids)]

    def tokens(order: list[int]) -> list[Tensor]:
        sizes = tuple(grids[i] for i in order)
        with torch.no_grad():
            out = tower.visual(torch.cat([pixels[i] for i in order]), tower.vision_plan(sizes))
        parts = out.split([h * w // 4 for _, h, w in sizes])
        return [parts[order.index(i)] for i in sorted(order)]

    together = tokens([0, 1, 2])
    for order in ([2, 0, 1], [1, 2, 0]):
        for got, expected in zip(tokens(order), together, strict=True):
            torch.testing.assert_close(got, expected, **CLOSE)
    for index in range(3):
        torch.testing.assert_close(tokens([index])[0], together[index], **CLOSE)
