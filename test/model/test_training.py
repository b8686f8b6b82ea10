"""Pins: what is trained is the model that is run, and its checkpoint loads as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate", reason="pip install 'wall_oss_ros[model,train]'")
pytest.importorskip("tokenizers", reason="pip install 'wall_oss_ros[model]'")

from accelerate import Accelerator
from torch import Tensor

from wall_oss_ros.core import action_space
from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.core.rotation import rot6d_from_matrix
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.training_config import (
    DISTURBED_KEY,
    GROUND_TRUTH_KEY,
    STATE_KEY,
    dof_config,
)
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.model.config import PUBLISHED, TINY, ExpertConfig, ModelConfig, VisionConfig
from wall_oss_ros.model.config_file import config_from
from wall_oss_ros.model.config_json import config_json
from wall_oss_ros.model.normalizer import Normalizers
from wall_oss_ros.model.processor import Processor, ProcessorSettings
from wall_oss_ros.model.random_weights import random_model
from wall_oss_ros.model.tokenizer import Tokenizer
from wall_oss_ros.training.average import WeightAverage
from wall_oss_ros.training.batch import Batch, Draw
from wall_oss_ros.training.batches import Batches
from wall_oss_ros.training.loop import LOG_FILE, Trainer
from wall_oss_ros.training.objective import Objective, ObjectiveSettings
from wall_oss_ros.training.samples import Samples, undisturbed
from wall_oss_ros.training.settings import TrainSettings
from wall_oss_ros.training.sizes import SMALL, for_tokenizer
from wall_oss_ros.training.start import Start
from wall_oss_ros.training.truth import says_where, seen_from_tools, truth_units
from wall_oss_ros.training.validation import chunks_of, measure
from wall_oss_ros.training.vocabulary import write_vocabulary

TASKS = ("pick up the red cube", "lift the blue cube")
SUBTASKS = ("lift it up", "reach for the cube")
CAMERAS = ("left_wrist_view", "right_wrist_view")
ARMS = ("left_arm", "left_gripper", "right_arm", "right_gripper")
SIZE = ModelConfig(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    mrope_section=(2, 3, 3),
    experts=(ExpertConfig(32, 48), ExpertConfig(32, 48)),
    action_hidden_size=32,
    state_hidden_size=32,
    state_as_text=False,
    predict_x=True,
    horizon=6,
    resolution=56,
    cameras=CAMERAS,
    dof_config=dof_config(ARMS, relative=True),
    agent_pos_config=dof_config(action_space.PARTS, relative=False),
    vision=VisionConfig(
        depth=2,
        hidden_size=16,
        intermediate_size=24,
        num_heads=2,
        out_hidden_size=32,
        window_size=56,
        fullatt_block_indexes=(1,),
    ),
)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    write_vocabulary(folder, (*TASKS, *SUBTASKS), CAMERAS)
    return folder


@pytest.fixture(scope="module")
def tokenizer(words: Path) -> Tokenizer:
    return Tokenizer.load(words)


def samples(frames: int = 12) -> Samples:
    draw = torch.Generator().manual_seed(3)
    return Samples(
        cameras=CAMERAS,
        pictures=torch.randint(0, 256, (frames, 2, 56, 56, 3), dtype=torch.uint8, generator=draw),
        states=torch.rand(frames, 26, generator=draw),
        chunks=torch.rand(frames, SIZE.horizon, 26, generator=draw) - 0.5,
        rows=torch.full((frames,), SIZE.horizon),
        age=torch.arange(frames) % 6 * 3,
        end=(torch.arange(frames) + 2).clamp(max=frames - 1),
        tasks=TASKS,
        task=torch.arange(frames) % 2,
        subtasks=SUBTASKS,
        subtask=torch.arange(frames) % 3 % 2,
        truth=torch.rand(frames, 5, generator=draw),
    )


def statistics() -> Normalizers:
    return Normalizers.of(
        {
            "action": {"key": ([-0.5] * 26, [1.0] * 26)},
            "state": {"key": ([0.0] * 26, [1.0] * 26)},
        }
    )


def made(tokenizer: Tokenizer, **changes: object) -> tuple[WallOssModel, Batches]:
    config = replace(for_tokenizer(SIZE, tokenizer), **changes)
    model = random_model(config, seed=1)
    model.normalizers = statistics()
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    settings = ProcessorSettings(resolution=config.resolution)
    found = statistics()
    batches = Batches(
        samples(),
        Processor(tokenizer, config, settings),
        config,
        found.action["key"],
        found.state["key"],
    )
    return model, batches


def drawn(
    model: WallOssModel, batches: Batches, draws: int = 2, **settings: Any
) -> tuple[Objective, Batch, Draw]:
    generator = torch.Generator().manual_seed(0)
    objective = Objective(
        model, ObjectiveSettings(draws=draws, truth_dim=batches.truth_dim, **settings)
    )
    batch = batches.draw(3, generator)
    return objective, batch, objective.draw(batch, generator)


def trained(
    objective: Objective, batch: Batch, draw: Draw, times: int = 40
) -> list[dict[str, float]]:
    """Return the losses of one batch, learnt so often."""
    optimizer = torch.optim.AdamW(objective.parameters(), 3e-3)
    losses = []
    for _ in range(times):
        parts = objective(batch, draw)
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
        losses.append({name: float(value.detach()) for name, value in parts.items()})
    return losses


def numbered(tokenizer: Tokenizer) -> tuple[WallOssModel, Batches]:
    """Return a model and batches with discrete tokens."""
    model, batches = made(tokenizer, vocab_size=tokenizer.size + _Numbering.vocabulary)
    batches.tokenize(_Numbering(), tokenizer.size)
    return model, batches


@pytest.mark.parametrize("changes", [{}, {"predict_x": False}, {"state_as_text": True}])
def test_the_loss_of_a_tiny_batch_goes_down(
    tokenizer: Tokenizer, changes: Mapping[str, object]
) -> None:
    losses = trained(*drawn(*made(tokenizer, **changes)))
    assert losses[-1]["flow"] < 0.5 * losses[0]["flow"]
    assert losses[-1]["truth"] < 0.5 * losses[0]["truth"]


def test_several_draws_of_one_prompt_are_the_mean_of_one_each(tokenizer: Tokenizer) -> None:
    model, batches = made(tokenizer)
    both, batch, draw = drawn(model, batches, draws=2)
    single = Objective(model, ObjectiveSettings(draws=1))
    alone = [
        single(batch, Draw(draw.noise[part::2], draw.times[part::2]))["flow"].item()
        for part in range(2)
    ]
    assert both(batch, draw)["flow"].item() == pytest.approx(sum(alone) / 2, rel=1e-5)


def test_the_loss_is_that_of_the_velocity_that_a_robot_runs(tokenizer: Tokenizer) -> None:
    """One Euler step from the drawn point gives the action less the error that is punished."""
    model, batches = made(tokenizer, predict_x=False)
    objective, batch, draw = drawn(model, batches, draws=1)
    time = draw.times[:1]
    draw = Draw(draw.noise[:1], time)
    one = _first(batch)
    loss = objective(one, draw)["flow"]
    with torch.no_grad():
        memories = model.encode_prompt(one.inputs, model.embed_prompt(one.inputs))
        x = (1 - time) * draw.noise + time * one.actions
        velocity = model.velocity_of(one.inputs, memories)(x, time[0])
    wrong = (velocity - (one.actions - draw.noise)).square() * one.inputs.dof_mask
    expected = wrong.sum() / one.inputs.dof_mask.sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_rows_behind_a_disturbance_are_not_learnt(tokenizer: Tokenizer) -> None:
    model, batches = made(tokenizer)
    objective, batch, draw = drawn(model, batches)
    counted = batch.counted.clone()
    counted[:, 2:] = 0.0
    cut = replace(batch, counted=counted)
    other = replace(cut, actions=torch.where(counted[..., None] > 0, cut.actions, cut.actions + 9))
    # The last rows see the first ones, not the other way round.
    assert model.config.causal_actions
    losses = [objective(each, draw)["flow"].item() for each in (batch, cut, other)]
    assert losses[0] != losses[1] == pytest.approx(losses[2], rel=1e-5)


def test_frames_of_a_disturbance_are_no_beginning(tokenizer: Tokenizer) -> None:
    model, batches = made(tokenizer)
    disturbed = np.zeros((12, 1), np.float32)
    disturbed[[3, 4, 9]] = 1.0
    vectors = {STATE_KEY: np.zeros((12, 26), np.float32), DISTURBED_KEY: disturbed}
    rows = undisturbed(vectors, 4)
    assert rows.tolist() == [3, 2, 1, 0, 0, 4, 3, 2, 1, 0, 4, 4]
    batches.samples.rows[:] = 0
    batches.samples.rows[5] = 3
    again = Batches(
        batches.samples,
        Processor(tokenizer, model.config, ProcessorSettings(resolution=56)),
        model.config,
        model.normalizers.action["key"],
        model.normalizers.state["key"],
    )
    batch = again.draw(4, torch.Generator().manual_seed(0))
    assert batch.counted.tolist() == [[1.0] * 3 + [0.0] * (SIZE.horizon - 3)] * 4
    assert [len(which) for which, _ in again.all(8)] == [1]


def test_beginnings_are_drawn_as_often_as_wanted(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, batches = made(tokenizer)
    drawn: list[Tensor] = []
    monkeypatch.setattr(batches, "_batch", lambda which, *others: drawn.append(which))
    generator = torch.Generator().manual_seed(0)
    for share in (1.0, 0.5, 0.0):
        batches.draw(64, generator, share)
    ages = [batches.samples.age[which] for which in drawn]
    assert int(ages[0].max()) < 10 and int(ages[1][:32].max()) < 10
    assert [int(each.max()) for each in ages[1:]] == [15, 15]


def test_what_is_only_looked_at_teaches_where_things_are_and_no_chunk(tokenizer: Tokenizer) -> None:
    model, _ = made(tokenizer)
    found = samples()
    found.rows[6:] = 0
    batches = Batches(
        found,
        Processor(tokenizer, model.config, ProcessorSettings(resolution=56)),
        model.config,
        model.normalizers.action["key"],
        model.normalizers.state["key"],
        glances=0.5,
    )
    objective = Objective(model, ObjectiveSettings(draws=2, truth_dim=batches.truth_dim))
    generator = torch.Generator().manual_seed(0)
    batch = batches.draw(8, generator)
    assert len(batch.inputs.prompt) == len(batch.truth) == 8 and len(batch.actions) == 4
    centred = found.truth - found.truth.mean(0)
    for index, place in enumerate(batch.truth):
        glanced = bool(torch.isclose(centred[6:], place[:5]).all(1).any())
        assert glanced == (index >= 4)
    draw = objective.draw(batch, generator)
    both = objective(batch, draw)
    assert both["truth"].item() == pytest.approx(objective.truth(batch).item())
    # The first four alone have the same chunks to learn: nothing of the others gets into them.
    only = replace(_first(batch, 4), truth=batch.truth[:4])
    alone = objective(only, draw)
    assert alone["flow"].item() == pytest.approx(both["flow"].item(), rel=1e-5)
    assert alone["truth"].item() != pytest.approx(both["truth"].item(), rel=1e-3)
    assert len(batches.draw(8, generator, glances=0.0).actions) == 8


def test_every_token_behind_the_pictures_is_asked_and_the_last_one_alone_is_reported(
    tokenizer: Tokenizer,
) -> None:
    objective, batch, draw = drawn(*made(tokenizer), truth=1.0)
    found = objective(batch, draw)
    behind = (batch.inputs.prompt[0] == objective.model.config.image_token_id).nonzero()[-1] + 1
    count = batch.inputs.prompt.shape[1] - int(behind)
    assert count > 5
    # The last one counts as much as all of them together.
    assert found["loss"] > found["flow"] + found["truth"]
    found["loss"].backward()
    assert objective.truth_head[0].weight.grad.abs().sum() > 0


def test_insulated_from_the_flow_loss_what_sees_and_reads_learns_only_from_the_others(
    tokenizer: Tokenizer,
) -> None:
    objective, batch, draw = drawn(*made(tokenizer), truth=1.0, insulate=True)
    reads = {"visual.": False, "model.embed_tokens": False, ".experts.0.": False}
    acts = {".experts.1.": True, "action_proj_back": True}
    for part, both in (("flow", False), ("loss", True)):
        objective.zero_grad()
        objective(batch, draw)[part].backward()
        learns = {
            name
            for name, value in objective.model.named_parameters()
            if value.grad is not None and bool(value.grad.abs().sum() > 0)
        }
        for word, always in {**reads, **acts}.items():
            assert any(word in name for name in learns) == (always or both), (part, word)


def test_a_picture_token_learns_where_it_is(tokenizer: Tokenizer) -> None:
    objective, batch, draw = drawn(*made(tokenizer), truth=0.0, place=1.0)
    assert objective.truth_head is None
    losses = trained(objective, batch, draw, 80)
    # Rows and columns -1 to 1; a guess of 0 would be off by 1 of 1 in pictures of two by two.
    assert losses[-1]["place"] < 0.2 * losses[0]["place"]


def test_only_a_truth_that_begins_with_a_place_is_taken_for_one() -> None:
    def dataset(*names: str) -> Dataset:
        """Return a dataset without frames whose simulator says these."""
        found = Dataset.__new__(Dataset)
        found.format = DatasetFormat(10, "robot", {}, {GROUND_TRUTH_KEY: names} if names else {})
        return found

    ours = dataset("target_x", "target_y", "target_z", "target_cos_4yaw")
    assert says_where(ours) and truth_units(ours).tolist() == pytest.approx([0.05] * 3 + [1.0])
    others = [("keypoint_x", "keypoint_y", "angle"), ("a", "b", "c", "d"), ("target_x",), ()]
    assert not any(says_where(dataset(*names)) for names in others)


def test_a_tool_sees_the_object_in_its_own_frame() -> None:
    found = samples(2)
    down = torch.from_numpy(rot6d_from_matrix(np.diag([1.0, -1.0, -1.0]))).float()
    for side, y in (("left", 0.3), ("right", -0.3)):
        found.states[:, action_space.POSITION[side]] = torch.tensor([0.6, y, 1.0])
        found.states[:, action_space.ROTATION[side]] = down
    found.truth[0, :3] = torch.tensor([0.7, 0.25, 0.8]) / 0.05
    found.truth[1, :3] = torch.tensor([0.6, 0.3, 0.9]) / 0.05
    seen = seen_from_tools(found.states, found.truth) * 0.05
    # Turned by half a turn about x: y and z point the other way.
    assert seen[0, :3].tolist() == pytest.approx([0.1, 0.05, 0.2], abs=1e-5)
    # What is further off than 30 cm only lies that way.
    assert seen[0, 3:].tolist() == pytest.approx([0.1, -0.3, 0.2], abs=1e-5)
    assert seen[1, :3].tolist() == pytest.approx([0.0, 0.0, 0.1], abs=1e-5)


def test_the_next_step_is_learnt_in_the_words_in_which_a_robot_asks(tokenizer: Tokenizer) -> None:
    model, _ = made(tokenizer)
    processor = Processor(tokenizer, model.config, ProcessorSettings(resolution=56))
    found = samples()
    statistic = model.normalizers.action["key"], model.normalizers.state["key"]
    batches = Batches(found, processor, model.config, *statistic, texts=1.0)
    objective = Objective(model, ObjectiveSettings(draws=1, truth=0.0, text=1.0))
    which = torch.tensor([0, 2, 4])
    batch = batches._batch(which, None, 3, 3)
    draw = objective.draw(batch, torch.Generator().manual_seed(1))
    losses = trained(objective, batch, draw, 150)
    assert losses[-1]["text"] < 0.1 * losses[0]["text"]
    assert losses[0]["loss"] == pytest.approx(losses[0]["flow"] + losses[0]["text"])
    for place in which.tolist():
        images = dict(zip(CAMERAS, found.pictures[place], strict=True))
        asked = processor.text_inputs(images, TASKS[int(found.task[place])]).arguments(uint8=True)
        del asked["moe_token_types"]
        said = model.eval().generate_text(
            **asked, stop_ids=(tokenizer.im_end_id,), max_new_tokens=20
        )
        assert tokenizer.decode(said) == SUBTASKS[int(found.subtask[place])]


class _Numbering:
    """Stands for an action tokenizer: four tokens, the rounded first column of four rows."""

    count, vocabulary = 4, 8

    def encode(self, chunks: Tensor) -> Tensor:
        return (chunks[:, :4, 0] * 3 + 4).round().clamp(0, 7).long()


def test_discrete_tokens_and_rows_do_not_see_each_other(tokenizer: Tokenizer) -> None:
    objective, batch, draw = drawn(*numbered(tokenizer), draws=1, truth=0.0, discrete=1.0)
    found = objective(batch, draw)
    assert found["loss"].item() == pytest.approx(found["flow"].item() + found["discrete"].item())
    other_rows = objective(replace(batch, actions=batch.actions + 1.0), draw)
    assert other_rows["discrete"].item() == found["discrete"].item()
    assert other_rows["flow"].item() != found["flow"].item()
    tokens = batch.tokens
    other_tokens = objective(replace(batch, tokens=tokens.flip(1)), draw)
    assert other_tokens["flow"].item() == found["flow"].item()
    assert other_tokens["discrete"].item() != found["discrete"].item()
    # A chunk that is cut by a disturbance has none, and none at all is no loss.
    none = objective(replace(batch, tokens=torch.full_like(tokens, -1)), draw)["discrete"]
    assert none.item() == 0.0


def test_discrete_tokens_are_told_from_those_before_them_and_can_be_learnt(
    tokenizer: Tokenizer,
) -> None:
    losses = trained(*drawn(*numbered(tokenizer), draws=1, truth=0.0, discrete=1.0))
    assert losses[-1]["discrete"] < 0.3 * losses[0]["discrete"]


def test_masked_dimensions_are_not_learnt_and_end_at_the_normalised_zero(
    tokenizer: Tokenizer,
) -> None:
    model, batches = made(tokenizer)
    objective, batch, draw = drawn(model, batches)
    assert torch.equal(batch.actions[..., 20:], torch.zeros_like(batch.actions[..., 20:]))
    objective(batch, draw)["flow"].backward()
    gradient = model.action_preprocessor.action_proj_back.weight.grad
    assert gradient is not None
    assert float(gradient[20:].abs().max()) == 0.0 < float(gradient[:20].abs().min())


def test_a_trained_checkpoint_loads_and_gives_the_same_chunks(
    tokenizer: Tokenizer, words: Path, tmp_path: Path
) -> None:
    model, batches = made(tokenizer)
    trainer = _trainer(model, batches, words, tmp_path)
    clock = iter(float(second) for second in range(1000))
    rows: list[Mapping[str, float]] = []
    trainer.run(lambda: next(clock), rows.append)
    assert [row["step"] for row in rows] == [2, 4] and rows[-1]["val_near_mm"] > 0
    assert len((tmp_path / LOG_FILE).read_text(encoding="utf-8").splitlines()) == 3
    loaded = WallOssModel.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert set(loaded.normalizers.action) == set(loaded.normalizers.state) == {"key"}
    Processor(Tokenizer.load(tmp_path), loaded.config, ProcessorSettings(resolution=56))
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(trainer.average.values[name])
    inputs = batches.draw(2, torch.Generator().manual_seed(5)).inputs
    inputs.noise.normal_(generator=torch.Generator().manual_seed(6))
    target = torch.zeros(26)
    ours, theirs = (chunks_of(each.eval(), inputs, target) for each in (model, loaded))
    assert torch.allclose(ours, theirs, atol=0.05)  # the file is bfloat16


def test_a_training_goes_on_where_it_was(tokenizer: Tokenizer, words: Path, tmp_path: Path) -> None:
    _trainer(*made(tokenizer), words, tmp_path).run(lambda: 0.0)
    model, batches = made(tokenizer)
    again = _trainer(model, batches, words, tmp_path, steps=6, resume=True)
    assert again.progress.step == 4
    again.run(lambda: 0.0)
    assert again.progress.step == 6
    with pytest.raises(ModelError, match="to go on from"):
        _trainer(model, batches, words, tmp_path / "nowhere", resume=True)


def test_frozen_parts_do_not_change(tokenizer: Tokenizer, words: Path, tmp_path: Path) -> None:
    model, batches = made(tokenizer)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    _trainer(model, batches, words, tmp_path, frozen=("visual.", "model.")).run(lambda: 0.0)
    changed = {name.split(".")[0] for name, value in model.named_parameters()
               if not torch.equal(value, before[name])}  # fmt: skip
    assert changed == {"action_preprocessor"}
    with pytest.raises(ModelError, match="nothing is left"):
        _trainer(model, batches, words, tmp_path, frozen=("",))


def test_the_learning_rate_rises_then_falls_to_a_hundredth() -> None:
    settings = TrainSettings(rate=1.0, warm_up=10)
    rates = [settings.rate_at(step, step / 1000) for step in range(1001)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0, abs=1e-3)
    assert rates[-1] == pytest.approx(0.01)
    with pytest.raises(ModelError, match="batch is 0"):
        TrainSettings(batch=0)


def test_an_average_of_what_stays_is_that_and_follows_what_moves() -> None:
    module = torch.nn.Linear(2, 2)
    average = WeightAverage(module, 0.9)
    start = average.values["weight"].clone()
    average.update(module)
    assert torch.allclose(average.values["weight"], start)
    with torch.no_grad():
        module.weight += 1.0
    for _ in range(200):
        average.update(module)
    assert torch.allclose(average.values["weight"], start + 1.0, atol=1e-3)


def test_the_error_of_perfect_chunks_is_none(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, batches = made(tokenizer)
    shown: list[Tensor] = []
    draw = batches.draw

    def remembered(
        size: int, generator: torch.Generator, beginnings: float, glances: float
    ) -> Batch:
        batch = draw(size, generator, beginnings, glances)
        shown.append(batch.actions)
        return batch

    monkeypatch.setattr(batches, "draw", remembered)
    monkeypatch.setattr(
        "wall_oss_ros.training.validation.chunks_of", lambda *given, **named: shown[-1]
    )
    action = model.normalizers.action["key"]
    errors = measure(
        model, batches, action, count=6, size=3, generator=torch.Generator().manual_seed(0)
    )
    assert (errors.near_mm, errors.first_mm, errors.far_mm, errors.gripper) == (0.0,) * 4
    assert errors.still_mm > 0.0


@pytest.mark.parametrize("config", [PUBLISHED, TINY, SMALL, SIZE])
def test_a_written_configuration_reads_as_the_same(config: ModelConfig) -> None:
    full = replace(
        config,
        dof_config=dof_config(ARMS, relative=True),
        agent_pos_config=dof_config(action_space.PARTS, relative=False),
    )
    assert config_from(config_json(full)) == full


def test_the_vocabulary_writes_the_task_short_and_digits_alone(tokenizer: Tokenizer) -> None:
    # A word at the beginning of a text is another one than behind a space, and not in the task.
    assert len(tokenizer.encode(": pick up the red cube")) == 6
    assert len(tokenizer.encode(" 10 255 9\n")) == 10
    assert tokenizer.decode(tokenizer.encode("Überraschung, 3!")) == "Überraschung, 3!"
    ids = {tokenizer.action_id, tokenizer.state_id, tokenizer.image_id, tokenizer.im_end_id}
    assert len(ids) == 4 and max(ids) < tokenizer.size


def _first(batch: Batch, count: int = 1) -> Batch:
    inputs = batch.inputs
    pixels = len(inputs.pixel_values) // len(inputs.prompt)
    only = replace(
        inputs,
        prompt=inputs.prompt[:count],
        positions=inputs.positions[:, :count],
        pixel_values=inputs.pixel_values[: pixels * count],
        grids=inputs.grids[: 2 * count],
        state=inputs.state[:count],
        state_mask=inputs.state_mask[:count],
        dof_mask=inputs.dof_mask[:count],
        noise=inputs.noise[:count],
    )
    return Batch(only, batch.actions[:count], batch.counted[:count])


def _trainer(
    model: WallOssModel,
    batches: Batches,
    words: Path,
    output: Path,
    *,
    steps: int = 4,
    frozen: tuple[str, ...] = (),
    resume: bool = False,
) -> Trainer:
    settings = TrainSettings(
        steps=steps, batch=2, warm_up=1, validate_every=2, measured=4, save_every=2, frozen=frozen
    )
    start = Start(model, Tokenizer.load(words), words, "key")
    objective = Objective(model, ObjectiveSettings(draws=2, truth_dim=batches.truth_dim))
    return Trainer(
        start, objective, batches, batches, settings, output, Accelerator(cpu=True), resume
    )
