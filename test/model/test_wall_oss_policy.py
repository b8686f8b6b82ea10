"""The model as a policy of a robot: what it asks of a checkpoint, and what it answers."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sample_robot import MS, SECOND, T0, observation
from tiny_checkpoint import CONFIG, make_checkpoint

from wall_oss_ros.core import action_space
from wall_oss_ros.core.chunk import ActionChunk, StageTimes, chunk_from_output
from wall_oss_ros.core.committed import plan_of
from wall_oss_ros.core.committed_plan import CommittedPlan
from wall_oss_ros.core.contract import RobotContract, load_contract
from wall_oss_ros.core.errors import PolicyError, WallOssError
from wall_oss_ros.core.observation import Observation
from wall_oss_ros.core.policy import PlanAware
from wall_oss_ros.model import config as model_config
from wall_oss_ros.model.engine import KINDS
from wall_oss_ros.policies.registry import make_policy
from wall_oss_ros.policies.wall_oss import WallOssPolicy
from wall_oss_ros.policies.wall_oss_settings import CONTINUATIONS, ENGINES, WallOssSettings

ROBOTS = Path(__file__).parents[2] / "config" / "robots"
QUICK = WallOssSettings(steps=2, resolution=56, engine="eager")
TASK = "pick up the red cube"


@pytest.fixture(scope="module")
def contract() -> RobotContract:
    return load_contract(ROBOTS / "tiago_pro_sim.yaml")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model"))


def loaded(
    contract: RobotContract, checkpoint: Path, settings: WallOssSettings = QUICK
) -> WallOssPolicy:
    policy = make_policy("wall_oss", contract, str(checkpoint), settings)
    assert isinstance(policy, WallOssPolicy)
    policy.load()
    return policy


def seen(contract: RobotContract, after_ns: int = 0) -> Observation:
    """The robot at home before pictures of noise."""
    draw = np.random.default_rng(after_ns)
    scene = observation(contract, T0 + after_ns)
    cameras = tuple(
        replace(camera, pixels=draw.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        for camera in scene.cameras
    )
    return replace(scene, cameras=cameras)


def test_engines_and_continuations_are_those_of_the_model() -> None:
    assert ENGINES == KINDS
    assert CONTINUATIONS == ("auto", *model_config.CONTINUATIONS)


def test_its_answer_is_a_chunk_of_this_robot(contract: RobotContract, checkpoint: Path) -> None:
    policy = loaded(contract, checkpoint)
    output = policy.infer(seen(contract), TASK)
    assert output.actions.shape == (contract.action.horizon, action_space.ACTION_DIM)
    assert output.mask.all()
    assert output.stages.prefix_ms > 0 and output.stages.denoise_ms > 0
    chunk = chunk_from_output(
        output, seen(contract), contract,
        seq=1, epoch=1, instruction=TASK, policy=policy.name, stages=StageTimes(),
    )  # fmt: skip
    assert np.isfinite(chunk.actions).all()


def test_the_same_episode_again_gives_the_same_chunks(
    contract: RobotContract, checkpoint: Path
) -> None:
    policy = loaded(contract, checkpoint)

    def episode() -> list[np.ndarray]:
        policy.reset()
        return [policy.infer(seen(contract, i * MS), TASK).actions for i in range(2)]

    first, second = episode(), episode()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1]), "noise and pictures differ"
    other = loaded(contract, checkpoint, replace(QUICK, seed=7))
    assert not np.array_equal(first[0], other.infer(seen(contract), TASK).actions)


def test_pictures_state_and_words_all_count(contract: RobotContract, checkpoint: Path) -> None:
    policy = loaded(contract, checkpoint)

    def answer(scene: Observation, words: str = TASK) -> np.ndarray:
        policy.reset()
        return policy.infer(scene, words).actions

    scene = seen(contract)
    plain = answer(scene)
    assert not np.array_equal(answer(scene, "pick up the blue cube"), plain)
    moved = scene.state.copy()
    moved[0] += 0.05
    assert not np.array_equal(answer(replace(scene, state=moved)), plain)
    swapped = (scene.cameras[0], *scene.cameras[:0:-1])
    pixels = [camera.pixels for camera in swapped]
    cameras = tuple(
        replace(camera, pixels=own) for camera, own in zip(scene.cameras, pixels, strict=True)
    )
    assert not np.array_equal(answer(replace(scene, cameras=cameras)), plain)


def test_parts_the_robot_or_the_checkpoint_lacks_are_not_commanded(
    contract: RobotContract, tmp_path: Path
) -> None:
    known = {key: size for key, size in CONFIG.dof_config.items() if "follow" in key}
    config = replace(CONFIG, dof_config={**known, "action_padding": 6})
    policy = loaded(contract, make_checkpoint(tmp_path, config=config))
    assert policy.infer(seen(contract), TASK).mask.tolist() == [True] * 20 + [False] * 6
    without = replace(contract, base=None, head=None, odometry=None)
    mask = loaded(without, make_checkpoint(tmp_path / "all")).infer(seen(without), TASK).mask
    assert not mask[action_space.BASE].any() and not mask[action_space.HEAD].any()
    assert mask[action_space.LIFT] and mask[: action_space.BASE.start].all()


def published(
    policy: WallOssPolicy, scene: Observation, contract: RobotContract, seq: int
) -> ActionChunk:
    """The policy's answer as the session publishes it, 0.13 s after the picture."""
    chunk = chunk_from_output(
        policy.infer(scene, TASK), scene, contract,
        seq=seq, epoch=1, instruction=TASK, policy=policy.name, stages=StageTimes(total_ms=120.0),
    )  # fmt: skip
    policy.published(chunk)
    return chunk


def taken(chunk: ActionChunk, **changes: object) -> CommittedPlan:
    """What an executor at full speed says of a chunk that it follows since 0.13 s after it was."""
    plan = replace(plan_of(chunk, 1.0), consumed=0.13 / chunk.dt, latency_s=0.13)
    return replace(plan, **changes)  # type: ignore[arg-type]


def two_rows_on(chunk: ActionChunk, contract: RobotContract) -> Observation:
    """The robot where the chunk had it two rows after it was made."""
    later = seen(contract, round(2 * contract.action.dt * SECOND))
    return replace(later, state=chunk.actions[1])


@pytest.mark.parametrize("mode", ["prefix", "guided", "inpainted"])
def test_a_chunk_goes_on_from_the_one_that_is_followed_without_the_executors_offsets(
    contract: RobotContract, checkpoint: Path, mode: str
) -> None:
    policy = loaded(contract, checkpoint, replace(QUICK, continuation=mode))
    assert isinstance(policy, PlanAware)
    first = published(policy, seen(contract), contract, 1)
    assert first.frozen_prefix == 0
    # The executor joined it to what was before. Whoever went on from that would say it again.
    joined = first.actions.copy()
    joined[:, action_space.POSITION["left"]] += 0.01
    policy.committed(taken(first, actions=joined))
    second = published(policy, two_rows_on(first, contract), contract, 2)
    assert second.frozen_prefix == 3  # 0.13 s in rows of 0.05 s
    np.testing.assert_allclose(second.actions[:3], first.actions[2:5], atol=1e-5)


@pytest.mark.parametrize(
    ("says", "told", "committed"),
    [(None, "auto", 0), ("prefix", "auto", 3), ("prefix", "off", 0), (None, "prefix", 3)],
)
def test_how_it_goes_on_is_as_it_is_told_or_else_as_the_checkpoint_says(
    contract: RobotContract,
    checkpoint: Path,
    tmp_path: Path,
    says: str | None,
    told: str,
    committed: int,
) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "continuation": says}))
    policy = loaded(contract, folder, replace(QUICK, continuation=told))
    first = published(policy, seen(contract), contract, 1)
    policy.committed(taken(first))
    assert published(policy, two_rows_on(first, contract), contract, 2).frozen_prefix == committed


def test_behind_the_committed_rows_a_chunk_leaves_the_running_motion_gradually(
    contract: RobotContract, checkpoint: Path
) -> None:
    def departure(**changes: object) -> float:
        """How far the first row that is not committed is from the running motion [m]."""
        settings = replace(QUICK, continuation="prefix", **changes)  # type: ignore[arg-type]
        policy = loaded(contract, checkpoint, settings)
        first = published(policy, seen(contract), contract, 1)
        policy.committed(taken(first))
        second = published(policy, two_rows_on(first, contract), contract, 2)
        assert second.frozen_prefix == 3
        place = action_space.POSITION["left"]
        return float(np.linalg.norm(second.actions[3, place] - first.actions[5, place]))

    assert departure() < 0.1 * departure(fade_s=0.0)


def test_at_half_speed_half_as_many_rows_pass(contract: RobotContract, checkpoint: Path) -> None:
    policy = loaded(contract, checkpoint, replace(QUICK, continuation="prefix"))
    first = published(policy, seen(contract), contract, 1)
    policy.committed(taken(first, speed_scale=0.5, consumed=0.13 / 2 / first.dt))
    # After 0.1 s one row has passed, not two.
    second = published(policy, two_rows_on(first, contract), contract, 2)
    assert second.frozen_prefix == 2
    np.testing.assert_allclose(second.actions[:2], first.actions[1:3], atol=1e-5)


@pytest.mark.parametrize("changes", [{"following": False}, {"epoch": 0}])
def test_a_robot_that_does_not_follow_begins_anew(
    contract: RobotContract, checkpoint: Path, changes: dict[str, object]
) -> None:
    policy = loaded(contract, checkpoint, replace(QUICK, continuation="prefix"))
    first = published(policy, seen(contract), contract, 1)
    policy.committed(taken(first, **changes))
    assert policy.infer(seen(contract, 50 * MS), TASK).frozen_prefix == 0
    policy.committed(None)
    assert policy.infer(seen(contract, 60 * MS), TASK).frozen_prefix == 0


def test_after_a_reset_and_after_a_long_pause_there_is_nothing_to_go_on_from(
    contract: RobotContract, checkpoint: Path
) -> None:
    policy = loaded(contract, checkpoint, replace(QUICK, continuation="prefix"))
    first = published(policy, seen(contract), contract, 1)
    policy.committed(taken(first))
    assert policy.infer(seen(contract, 50 * MS), TASK).frozen_prefix > 0
    assert policy.infer(seen(contract, 60 * SECOND), TASK).frozen_prefix == 0
    policy.reset()
    policy.committed(taken(first))
    assert policy.infer(seen(contract, 50 * MS), TASK).frozen_prefix == 0


def test_switched_off_every_chunk_begins_anew(contract: RobotContract, checkpoint: Path) -> None:
    policy = loaded(contract, checkpoint)
    policy.committed(taken(published(policy, seen(contract), contract, 1)))
    assert policy.infer(seen(contract, 50 * MS), TASK).frozen_prefix == 0


def test_the_model_can_be_asked_for_the_next_step_first(
    contract: RobotContract, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = loaded(contract, checkpoint, replace(QUICK, subtasks="model"))
    with caplog.at_level(logging.INFO):
        try:
            policy.infer(seen(contract), "clear the table")
        except PolicyError as error:  # random weights may write what no instruction may hold
            assert "subtask" in str(error)
        else:
            assert "subtask: " in caplog.text


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda c: replace(c, model=replace(c.model, normalizer_key="other")), "'x2_normal'"),
        (lambda c: replace(c, action=replace(c.action, horizon=8)), "horizon"),
    ],
)
def test_what_does_not_suit_the_robot_is_said_at_load(
    contract: RobotContract, checkpoint: Path, change: object, fault: str
) -> None:
    with pytest.raises(PolicyError, match=fault):
        loaded(change(contract), checkpoint, replace(QUICK, horizon=16))  # type: ignore[operator]


def test_a_chunk_beyond_the_robots_reach_is_refused_before_it_moves(
    contract: RobotContract, tmp_path: Path
) -> None:
    folder = make_checkpoint(tmp_path)
    path = folder / "normalizer_action.pth"
    bounds = torch.load(path, weights_only=True)
    bounds = {key: value * 50 for key, value in bounds.items()}
    torch.save(bounds, path)
    with pytest.raises(PolicyError, match="first chunk does not suit tiago_pro_sim") as caught:
        loaded(contract, folder)
    assert "normalizer_key" in str(caught.value) and "left arm position" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (replace(QUICK, device="cuda:9"), "wall_oss.device is 'cuda:9'"),
        (replace(QUICK, device="fast"), "wall_oss.device is 'fast'"),
        (replace(QUICK, device="meta"), "'meta'; expected auto, cpu, cuda or cuda:<n>"),
    ],
)
def test_a_device_that_is_not_there_is_named(
    contract: RobotContract, checkpoint: Path, settings: WallOssSettings, fault: str
) -> None:
    with pytest.raises(PolicyError, match=fault):
        loaded(contract, checkpoint, settings)


@pytest.mark.parametrize(
    ("folder", "fault"),
    [("", "give its folder"), ("/nowhere/at/all", "no checkpoint folder /nowhere/at/all")],
)
def test_a_checkpoint_that_is_not_there_is_named(
    contract: RobotContract, folder: str, fault: str
) -> None:
    with pytest.raises(PolicyError, match=fault):
        make_policy("wall_oss", contract, folder, QUICK).load()


@pytest.mark.parametrize("words", ["", "   ", "do <|action|> now", "word " * 10_000])
def test_instructions_that_cannot_be_followed_are_refused(
    contract: RobotContract, checkpoint: Path, words: str
) -> None:
    with pytest.raises(PolicyError):
        loaded(contract, checkpoint).infer(seen(contract), words)


def test_other_layouts_are_refused_by_name(contract: RobotContract, tmp_path: Path) -> None:
    turned = dict(reversed(CONFIG.dof_config.items()))
    with pytest.raises(PolicyError, match="'head_actions'; expected 'follow_left_ee_cartesian"):
        loaded(contract, make_checkpoint(tmp_path, config=replace(CONFIG, dof_config=turned)))


def test_a_state_in_another_order_is_refused_by_name(
    contract: RobotContract, tmp_path: Path
) -> None:
    turned = dict(reversed(CONFIG.agent_pos_config.items()))
    with pytest.raises(PolicyError, match="state columns 0 to 1 are 'head_actions'; expected"):
        loaded(contract, make_checkpoint(tmp_path, config=replace(CONFIG, agent_pos_config=turned)))


def test_the_only_key_of_the_actions_chooses_among_those_of_the_state(
    contract: RobotContract, tmp_path: Path
) -> None:
    folder = make_checkpoint(tmp_path)
    path = folder / "normalizer_action.pth"
    bounds = torch.load(path, weights_only=True)
    torch.save({key: value for key, value in bounds.items() if "x2_normal" in key}, path)
    anyone = replace(contract, model=replace(contract.model, normalizer_key=None))
    assert loaded(anyone, folder).infer(seen(anyone), TASK).mask.all()


def test_how_long_a_subtask_takes_is_not_how_long_a_chunk_takes(
    contract: RobotContract, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(QUICK, subtasks="model", continuation="prefix", subtask_period_s=1.0)
    policy = loaded(contract, checkpoint, settings)
    monkeypatch.setattr(policy._model, "generate_text", lambda **_: [9707])
    # Asked for the subtask, the same subtask, asked again; each chunk followed, however late.
    for seq, (stamp_ns, late_s) in enumerate(((0, 3.0), (50 * MS, 0.13), (2 * SECOND, 3.0)), 1):
        chunk = published(policy, seen(contract, stamp_ns), contract, seq)
        policy.committed(taken(chunk, latency_s=late_s, consumed=late_s / chunk.dt))
    assert policy.infer(seen(contract, 2 * SECOND + 50 * MS), TASK).frozen_prefix == 3


def test_cameras_and_the_first_turn_can_be_worded_otherwise(
    contract: RobotContract, checkpoint: Path
) -> None:
    def answer(**changes: object) -> np.ndarray:
        policy = loaded(contract, checkpoint, replace(QUICK, **changes))  # type: ignore[arg-type]
        return policy.infer(seen(contract), TASK).actions

    words = "face_view=head; left_wrist_view=left hand; right_wrist_view=right hand"
    answers = [
        answer(),
        answer(raw_camera_names=True),
        answer(camera_labels=words),
        answer(system_prompt="You drive a robot."),
        answer(state_bins=512),
    ]
    for index, one in enumerate(answers):
        assert not any(np.array_equal(one, other) for other in answers[:index])


@pytest.mark.parametrize(
    ("labels", "fault"),
    [("face_view", "expected pairs"), ("face_view=front", "left_wrist_view")],
)
def test_camera_labels_that_name_no_or_not_every_camera_are_refused(
    contract: RobotContract, checkpoint: Path, labels: str, fault: str
) -> None:
    with pytest.raises(WallOssError, match=fault):
        loaded(contract, checkpoint, replace(QUICK, camera_labels=labels))
