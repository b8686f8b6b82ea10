"""Every way of running gives the model's own chunk, and what is recorded holds for other inputs.

CUDA graphs are stood in for by `recording.GraphLike`, which freezes what a graph would freeze.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from recording import GraphLike

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.config import TINY, ModelConfig
from wall_oss_ros.model.engine import AsIs, Engine
from wall_oss_ros.model.inputs import FlowInputs, check_flow_inputs
from wall_oss_ros.model.normalizer import Normalizers
from wall_oss_ros.model.rtc import Continuation, Guidance

SMALL = replace(
    TINY,
    vocab_size=512,
    image_token_id=500,
    video_token_id=503,
    vision_start_token_id=501,
    action_token_id=505,
    state_token_id=504,
)
STATE_TOKEN = replace(SMALL, state_as_text=False, causal_actions=False)
ACTIVE = torch.ones(26)
ACTIVE[20:] = 0.0
STEPS, HORIZON = 3, 8


def make_model(config: ModelConfig, seed: int = 0) -> WallOssModel:
    torch.manual_seed(seed)
    normalizers = Normalizers.of({"action": {"robot": (torch.full((26,), -0.5), torch.ones(26))}})
    model = WallOssModel(config, normalizers)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.08)
        parameter.requires_grad_(False)
    return model.eval()


def make_inputs(model: WallOssModel, seed: int, words: int = 20, rows: int = 1) -> FlowInputs:
    """Two pictures of different size, some words, the state, and the action rows."""
    draw = torch.Generator().manual_seed(seed)

    def ids(count: int) -> list[int]:
        return torch.randint(1, 499, (count,), generator=draw).tolist()

    sizes = ((56, 84), (112, 56))
    prompts = [
        [
            *ids(4), 501, *[500] * 6, 502, *ids(3), 501, *[500] * 8, 502, *ids(words), 504,
            *ids(2), *[505] * HORIZON,
        ]
        for _ in range(rows)
    ]  # fmt: skip
    images = [
        torch.randint(0, 256, (*size, 3), dtype=torch.uint8, generator=draw)
        for _ in range(rows)
        for size in sizes
    ]
    return check_flow_inputs(
        model.config,
        input_ids=torch.tensor(prompts),
        attention_mask=None,
        pixel_values=None,
        image_grid_thw=None,
        images=images,
        proprioception=torch.rand(rows, 1, 26, generator=draw) * 2 - 1,
        agent_pos_mask=ACTIVE.expand(rows, 1, 26),
        dof_mask=ACTIVE.expand(rows, HORIZON, 26),
        moe_token_types=None,
        action_horizon=HORIZON,
        action_dim=26,
        noise=torch.randn(rows, HORIZON, 26, generator=draw),
        generator=None,
    )


def eager(model: WallOssModel, inputs: FlowInputs) -> torch.Tensor:
    return Engine(model, "eager", steps=STEPS).generate(inputs).normalized


@pytest.fixture(params=[SMALL, STATE_TOKEN], ids=["state as text", "state token, bidirectional"])
def model(request: pytest.FixtureRequest) -> WallOssModel:
    return make_model(request.param)


def test_the_eager_engine_is_generate_flow_action(model: WallOssModel) -> None:
    inputs = make_inputs(model, 1)
    whole = torch.cat((inputs.prompt, torch.full((1, HORIZON), 505)), 1)
    expected = model.generate_flow_action(
        whole,
        images=inputs.images,
        proprioception=inputs.state if inputs.state is not None else None,
        agent_pos_mask=inputs.state_mask,
        dof_mask=inputs.dof_mask,
        action_horizon=HORIZON,
        num_inference_timesteps=STEPS,
        noise=inputs.noise,
    )
    out = Engine(model, "eager", steps=STEPS).generate(inputs)
    torch.testing.assert_close(out.normalized, expected["predict_action_normalized"])
    assert out.actions is not None
    torch.testing.assert_close(out.actions, expected["predict_action"])


def test_a_recorded_program_holds_for_other_inputs_of_its_shape(model: WallOssModel) -> None:
    recorder = GraphLike()
    engine = Engine(model, "graphs", steps=STEPS, bucket=16, recorder=recorder)
    engine.prepare(make_inputs(model, 1))
    assert recorder.recorded == 3
    for seed, words in ((2, 20), (3, 20), (4, 17), (5, 18)):
        inputs = make_inputs(model, seed, words)
        torch.testing.assert_close(
            engine.generate(inputs).normalized, eager(model, inputs), atol=1e-5, rtol=1e-5
        )
    assert recorder.recorded == 3, "one shape needs one recording"
    assert engine.kind == "graphs"


def test_a_longer_prompt_gets_a_program_of_its_own(model: WallOssModel) -> None:
    recorder = GraphLike()
    engine = Engine(model, "graphs", steps=STEPS, bucket=16, recorder=recorder)
    for seed, words in ((1, 5), (2, 40), (3, 5), (4, 41)):
        inputs = make_inputs(model, seed, words)
        torch.testing.assert_close(
            engine.generate(inputs).normalized, eager(model, inputs), atol=1e-5, rtol=1e-5
        )
    assert recorder.recorded == 6


@pytest.mark.parametrize("bucket", [1, 7, 64])
def test_filling_the_prompt_changes_nothing(model: WallOssModel, bucket: int) -> None:
    inputs = make_inputs(model, 6, 19)
    engine = Engine(model, "graphs", steps=STEPS, bucket=bucket, recorder=AsIs())
    torch.testing.assert_close(
        engine.generate(inputs).normalized, eager(model, inputs), atol=1e-5, rtol=1e-5
    )


def test_rows_of_a_batch_do_not_mix(model: WallOssModel) -> None:
    both = make_inputs(model, 7, rows=2)
    engine = Engine(model, "graphs", steps=STEPS, recorder=GraphLike())
    out = engine.generate(both).normalized
    torch.testing.assert_close(out, eager(model, both), atol=1e-5, rtol=1e-5)
    first = replace(
        both,
        prompt=both.prompt[:1],
        positions=both.positions[:, :1],
        images=both.images[:2],
        grids=both.grids[:2],
        state=None if both.state is None else both.state[:1],
        state_mask=None if both.state_mask is None else both.state_mask[:1],
        dof_mask=both.dof_mask[:1],
        noise=both.noise[:1],
    )
    torch.testing.assert_close(out[:1], eager(model, first), atol=1e-5, rtol=1e-5)


def test_the_compiled_engine_agrees_and_compiles_no_layer_twice() -> None:
    model = make_model(SMALL)
    engine = Engine(model, "compiled", steps=2)
    torch._dynamo.utils.counters.clear()
    inputs = make_inputs(model, 8)
    out = engine.generate(inputs)
    assert engine.kind == "compiled", "the compiler that built the messages serves torch, too"
    expected = Engine(model, "eager", steps=2).generate(inputs)
    torch.testing.assert_close(out.normalized, expected.normalized, atol=1e-4, rtol=1e-4)
    # A vision block with windows and with the whole image, a layer for text and one for actions.
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 4
    assert not torch._dynamo.utils.counters["graph_break"]


def test_as_much_is_compiled_in_the_thread_that_infers_as_in_the_one_that_loads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[int] = []

    def compiled(function: Callable[..., object], **_: object) -> Callable[..., object]:
        def called(*arguments: object) -> object:
            limits.append(torch._dynamo.config.recompile_limit)
            return function(*arguments)

        return called

    monkeypatch.setattr(torch, "compile", compiled)
    model = make_model(SMALL)
    before = torch._dynamo.config.recompile_limit
    engine = Engine(model, "compiled", steps=1, bucket=16)
    engine.prepare(make_inputs(model, 1, 5))
    here = len(limits)
    other = threading.Thread(target=engine.generate, args=(make_inputs(model, 1, 40),))
    other.start()
    other.join()
    assert engine.kind == "compiled" and len(limits) > here
    assert min(limits) > before == torch._dynamo.config.recompile_limit


class Broken:
    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        raise RuntimeError("no such device\nand much more text")


def test_an_engine_that_fails_falls_back_and_says_why(
    model: WallOssModel, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = make_inputs(model, 9)
    engine = Engine(model, "graphs", steps=STEPS, recorder=Broken())
    with caplog.at_level(logging.WARNING):
        out = engine.generate(inputs)
    assert engine.kind == "eager"
    assert "engine 'graphs' does not work here (RuntimeError: no such device)" in caplog.text
    torch.testing.assert_close(out.normalized, eager(model, inputs))


def test_graphs_without_a_cuda_device_are_refused_in_words(
    model: WallOssModel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert Engine(model, "graphs").kind == "eager"
    assert "needs a CUDA device" in caplog.text


@pytest.mark.parametrize(("kind", "steps"), [("fast", 10), ("eager", 0), ("eager", -1)])
def test_unknown_engines_and_no_steps_are_refused(kind: str, steps: int) -> None:
    with pytest.raises(ModelError):
        Engine(make_model(SMALL), kind, steps=steps)


def test_every_stage_has_a_time(model: WallOssModel) -> None:
    for engine in (
        Engine(model, "eager", steps=1),
        Engine(model, "graphs", steps=1, recorder=AsIs()),
    ):
        times = engine.generate(make_inputs(model, 10)).times
        assert min(times.upload, times.vision, times.prompt, times.denoise) > 0.0
        assert times.total >= times.vision + times.prompt + times.denoise


def continuation(delay: int, guidance: Guidance | None, rows: int = 5) -> Continuation:
    draw = torch.Generator().manual_seed(99)
    return Continuation(torch.rand(1, rows, 26, generator=draw) - 0.5, delay, guidance)


@pytest.mark.parametrize(
    "guidance",
    [None, Guidance(), Guidance(gradient=False)],
    ids=["hard prefix", "guided", "inpainted"],
)
def test_a_recorded_program_goes_on_from_another_chunk_as_the_model_does(
    model: WallOssModel, guidance: Guidance | None
) -> None:
    recorder = GraphLike()
    engine = Engine(model, "graphs", steps=STEPS, bucket=16, recorder=recorder)
    plain = Engine(model, "eager", steps=STEPS)
    engine.prepare(make_inputs(model, 1), guided=guidance)
    before = recorder.recorded
    for seed, delay in ((11, 2), (12, 3), (13, 0)):
        inputs, going_on = make_inputs(model, seed), continuation(delay, guidance)
        out = engine.generate(inputs, continuation=going_on).normalized
        expected = plain.generate(inputs, continuation=going_on).normalized
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
        assert torch.equal(out[:, :delay, :20], going_on.rows[:, :delay, :20])
    # And without one it is as before.
    inputs = make_inputs(model, 14)
    torch.testing.assert_close(
        engine.generate(inputs).normalized, eager(model, inputs), atol=1e-5, rtol=1e-5
    )
    assert recorder.recorded == before
    assert engine.kind == "graphs"


@pytest.mark.parametrize("gradient", [True, False])
def test_guidance_brings_the_chunk_nearer_to_the_old_one(
    model: WallOssModel, gradient: bool
) -> None:
    inputs, going_on = make_inputs(model, 15), continuation(2, Guidance(gradient=gradient))
    engine = Engine(model, "eager", steps=10)

    def distance(chunk: torch.Tensor) -> float:
        return float((chunk[:, 2:4, :20] - going_on.rows[:, 2:4, :20]).abs().mean())

    free = engine.generate(inputs).normalized
    pulled = engine.generate(inputs, continuation=going_on).normalized
    assert distance(pulled) < distance(free)


def test_nothing_to_go_on_from_is_plain_generation(model: WallOssModel) -> None:
    inputs = make_inputs(model, 16)
    engine = Engine(model, "eager", steps=STEPS)
    plain = engine.generate(inputs).normalized
    for guidance in (None, Guidance(), Guidance(gradient=False)):
        empty = continuation(0, guidance, rows=0)
        assert torch.equal(engine.generate(inputs, continuation=empty).normalized, plain)


class NoGradients:
    """Records, but no third stage of a program: as a driver without gradients in graphs would."""

    def __init__(self) -> None:
        self.recorded = 0

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.recorded += 1
        if self.recorded > 3:
            raise RuntimeError("no gradients in a graph")
        return GraphLike().record(work)


def test_where_guidance_cannot_be_recorded_only_guidance_runs_step_by_step(
    model: WallOssModel, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(model, "graphs", steps=STEPS, recorder=NoGradients())
    inputs, going_on = make_inputs(model, 17), continuation(2, Guidance())
    with caplog.at_level(logging.WARNING):
        out = engine.generate(inputs, continuation=going_on)
    assert engine.kind == "graphs"
    assert "guidance cannot be recorded here (RuntimeError: no gradients" in caplog.text
    expected = Engine(model, "eager", steps=STEPS).generate(inputs, continuation=going_on)
    torch.testing.assert_close(out.normalized, expected.normalized, atol=1e-5, rtol=1e-5)


def test_an_output_says_whether_it_had_to_be_prepared_for(model: WallOssModel) -> None:
    engine = Engine(model, "graphs", steps=STEPS, bucket=16, recorder=GraphLike())
    said = [engine.generate(make_inputs(model, 18, words)).prepared for words in (5, 5, 40, 6, 41)]
    assert said == [True, False, True, False, False]
    assert not Engine(model, "eager", steps=STEPS).generate(make_inputs(model, 18)).prepared
