"""Pins: every recorded run of the published implementations comes out again, step by step.

`v05...` are runs of the published code of Wall-OSS-0.5 (1.1.0), `flow_lerobot` one of LeRobot's for
wall-oss-flow: float32, small random weights. The tolerance is that of sums in another order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import reference
import torch
from torch import Tensor

from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.decoder import ACTION, TEXT, Growing
from wall_oss_ros.model.inputs import FlowInputs, check_flow_inputs

CLOSE = {"rtol": 0.0, "atol": 1e-5}

every_case = pytest.mark.parametrize("case", reference.CASES + reference.VARIANTS)
recorded_inside = pytest.mark.parametrize("case", reference.CASES)


@dataclass
class Run:
    """One run of ours on the inputs of a recorded one."""

    model: WallOssModel
    data: dict[str, Tensor]
    inputs: FlowInputs
    output: dict[str, Tensor]
    noisy: list[Tensor]
    embedded: list[Tensor]
    times: list[Tensor]


def run(case: str) -> Run:
    model, data = reference.load(case), reference.arrays(case)
    given = reference.arguments(data)
    noisy, embedded, times = [], [], []
    embed = model.action_preprocessor.embed

    def spy(x: Tensor, mask: Tensor, time: Tensor) -> Tensor:
        rows = embed(x, mask, time)
        noisy.append(x.clone())
        embedded.append(rows.clone())
        times.append(time.clone())
        return rows

    model.action_preprocessor.embed = spy
    output = model.generate_flow_action(**given)
    model.action_preprocessor.embed = embed
    steps = given.pop("num_inference_timesteps")
    assert len(noisy) == steps
    inputs = check_flow_inputs(model.config, images=(), generator=None, **given)
    return Run(model, data, inputs, output, noisy, embedded, times)


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    return {case: run(case) for case in reference.CASES + reference.VARIANTS}


@every_case
def test_the_actions_are_those_of_the_reference(runs: dict[str, Run], case: str) -> None:
    this = runs[case]
    for name in ("predict_action_normalized", "predict_action"):
        if name in this.data:
            torch.testing.assert_close(this.output[name], this.data[name], **CLOSE)
    assert set(this.output) == {"predict_action_normalized", "predict_action"} & set(this.data)


@every_case
def test_the_positions_are_those_of_the_reference(runs: dict[str, Run], case: str) -> None:
    this = runs[case]
    # Nothing follows the action rows, so no position is dropped.
    assert torch.equal(this.inputs.positions, this.data["position_ids"])


@every_case
def test_the_times_are_those_of_the_reference(runs: dict[str, Run], case: str) -> None:
    this = runs[case]
    torch.testing.assert_close(torch.stack(this.times), this.data["times"], rtol=0, atol=1e-7)


@every_case
def test_every_step_starts_from_the_actions_of_the_reference(
    runs: dict[str, Run], case: str
) -> None:
    this = runs[case]
    torch.testing.assert_close(torch.stack(this.noisy), this.data["noisy_actions"], **CLOSE)


@pytest.mark.parametrize("case", ["v05", *reference.VARIANTS])
def test_masked_dimensions_end_where_the_normalizer_puts_zero(
    runs: dict[str, Run], case: str
) -> None:
    this = runs[case]
    masked = this.inputs.dof_mask == 0
    assert masked.any()
    normalizer = this.model.normalizers.action["test"]
    target = normalizer.normalize(torch.zeros(26)).expand_as(masked)
    noise, scale = this.inputs.noise, this.model.config.time_scale
    # The last time is `scale`, so that much of the way is gone.
    there = noise + scale * (target - noise)
    got = this.output["predict_action_normalized"]
    torch.testing.assert_close(got[masked], there[masked], **CLOSE)


@pytest.mark.parametrize("case", ["v05", "v05_full"])
def test_the_image_tokens_are_those_of_the_reference(runs: dict[str, Run], case: str) -> None:
    this = runs[case]
    plan = this.model.vision_plan(this.inputs.grids)
    with torch.no_grad():
        tokens = this.model.visual(this.inputs.pixel_values, plan)
    torch.testing.assert_close(tokens, this.data["image_embeds"], **CLOSE)


@recorded_inside
def test_the_embedded_prompt_is_that_of_the_reference(runs: dict[str, Run], case: str) -> None:
    this = runs[case]
    with torch.no_grad():
        x = this.model.embed_prompt(this.inputs)
    recorded = this.data["inputs_embeds_prefill"]
    torch.testing.assert_close(x, recorded[:, : x.shape[1]], **CLOSE)
    rows, width = recorded[:, x.shape[1] :], this.embedded[0].shape[-1]
    torch.testing.assert_close(this.embedded[0], rows[..., :width], **CLOSE)
    assert not rows[..., width:].any()


@recorded_inside
def test_the_hidden_states_of_the_first_step_are_those_of_the_reference(
    runs: dict[str, Run], case: str
) -> None:
    this = runs[case]
    model, prompt = this.model, this.inputs.prompt.shape[1]
    recorded = this.data["prefill_hidden"]
    before, behind = this.inputs.positions.split([prompt, this.inputs.horizon], dim=-1)
    with torch.no_grad():
        x = model.embed_prompt(this.inputs)
        memories = [Growing() for _ in model.model.layers]
        text = model.model(x, TEXT, model.model.rope(before), memories, causal=True)
        mask = model.action_mask(prompt, this.inputs.horizon)
        rows = model.model(this.embedded[0], ACTION, model.model.rope(behind), memories, mask)
    torch.testing.assert_close(text, recorded[:, :prompt], **CLOSE)
    width = rows.shape[-1]
    torch.testing.assert_close(rows, recorded[:, prompt:, :width], **CLOSE)
    # The residual stream of an action row is empty beyond its expert's channels.
    assert not recorded[:, prompt:, width:].any()


@pytest.mark.parametrize("case", ["v05", "v05_full"])
def test_the_embedded_action_rows_are_those_of_the_reference(
    runs: dict[str, Run], case: str
) -> None:
    this = runs[case]
    recorded, width = this.data["action_embeds"], this.embedded[0].shape[-1]
    torch.testing.assert_close(torch.stack(this.embedded), recorded[..., :width], **CLOSE)
    assert not recorded[..., width:].any()


@pytest.mark.parametrize("case", ["v05", "v05_full"])
def test_later_steps_see_what_the_reference_sees(runs: dict[str, Run], case: str) -> None:
    this = runs[case]
    prompt, horizon = this.inputs.prompt.shape[1], this.inputs.horizon
    mask = this.model.action_mask(prompt, horizon)
    assert mask is not None
    # One copy for each query head that shares a key head.
    seen = (mask == 0).view(-1, horizon, prompt + horizon)
    assert torch.equal(seen, this.data["postfix_attention_mask"].expand_as(seen))
    assert torch.equal(this.inputs.positions[:, :, prompt:], this.data["postfix_position_ids"])


def test_a_row_of_a_batch_is_what_it_is_alone(runs: dict[str, Run]) -> None:
    this = runs["v05_batch"]
    data = this.data
    images = data["in_image_grid_thw"].prod(1)[:2].sum()
    pixels, grids = data["in_pixel_values"], data["in_image_grid_thw"]
    for row in range(2):
        one = {key: value[row : row + 1] for key, value in data.items() if key.startswith("in_")}
        one["in_pixel_values"] = pixels[row * images : (row + 1) * images]
        one["in_image_grid_thw"] = grids[2 * row : 2 * row + 2]
        one["noise"], one["times"] = data["noise"][row : row + 1], data["times"]
        alone = this.model.generate_flow_action(**reference.arguments(one))
        for name, value in alone.items():
            torch.testing.assert_close(value[0], this.output[name][row], **CLOSE)


def test_the_reference_reads_less_than_it_is_given(runs: dict[str, Run]) -> None:
    """Where the state is text the numbers beside it change nothing; types may be integers."""
    this = runs["v05"]
    given = reference.arguments(this.data)
    given["proprioception"] = given["agent_pos_mask"] = None
    given["moe_token_types"] = given["moe_token_types"].long()
    again = this.model.generate_flow_action(**given)
    assert torch.equal(again["predict_action"], this.output["predict_action"])


def test_bfloat16_stays_as_close_as_the_reference_does_to_itself(runs: dict[str, Run]) -> None:
    """The specification gives 2.4e-2 for the published code in bfloat16 against float32."""
    this = runs["v05"]
    rough = reference.load("v05", dtype=torch.bfloat16)
    got = rough.generate_flow_action(**reference.arguments(this.data))["predict_action_normalized"]
    assert got.dtype == torch.float32
    assert (got - this.data["predict_action_normalized"]).abs().max() < 0.05


def test_without_slide_the_masked_dimensions_run_free(runs: dict[str, Run]) -> None:
    this = runs["v05"]
    free = WallOssModel(replace(this.model.config, slide_masked=False), this.model.normalizers)
    free.load_state_dict(this.model.state_dict())
    got = free.generate_flow_action(**reference.arguments(this.data))["predict_action_normalized"]
    masked = this.inputs.dof_mask == 0
    assert not torch.allclose(got[masked], this.output["predict_action_normalized"][masked])
