"""Pins: `wall-oss check` passes a sound checkpoint, names a fault, and says what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import qwen_vocabulary
import simplejpeg
import torch
from tiny_checkpoint import CONFIG, action_bounds, make_checkpoint

from wall_oss_ros.cli.main import main

ROOT = Path(__file__).parents[2]
ROBOT = str(ROOT / "config" / "robots" / "tiago_pro_sim.yaml")
KEY = ("--normalizer-key", "x2_normal")

# `make test` installs it (requirements/model-test.txt); an environment of one's own may lack it.
pytestmark = pytest.mark.skipif(
    qwen_vocabulary.ranks_file() is None, reason="pip install dashscope: the published vocabulary"
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """A checkpoint to break."""
    return Path(shutil.copytree(sound, tmp_path / "tiny"))


def check(*arguments: str) -> int:
    return main(["check", "--device", "cpu", "--resolution", "56", *arguments])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Everything printed, line breaks as spaces."""
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def test_a_sound_checkpoint_passes_and_is_described(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(str(sound), "--robot", ROBOT) == 0
    text = said(capsys)
    for part in (
        "Wall-OSS-0.5",
        "9,937,472 float32",
        "action: 'ex_normal', 'x2_normal'",
        "in use 'x2_normal'",  # the contract's
        "3-8 follow_left_ee_rotation_6D_relative",
        "action 151666",
        "text in 256 steps",
        "'front view' for face_view",
        "ok left gripper",
        "all 11 checks passed for tiago_pro_sim",
    ):
        assert part in text


def test_an_assumed_layout_is_said_to_be_assumed(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((copy / "config.json").read_text())
    del config["dof_config"], config["agent_pos_config"]
    (copy / "config.json").write_text(json.dumps(config))
    assert check(str(copy), *KEY) == 0
    text = said(capsys)
    assert "ASSUMED" in text and "config.json says nothing" in text


def test_pictures_of_ones_own(
    sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    path = tmp_path / "front.jpg"
    path.write_bytes(simplejpeg.encode_jpeg(pixels))
    assert check(str(sound), *KEY, "--image", f"face_view={path}") == 0
    assert f"looking at face_view={path}" in said(capsys)


def test_wrong_statistics_fail_by_name(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    low, width = action_bounds(1.0)
    tensors = {"min.x2_normal": 40.0 * low, "delta.x2_normal": 40.0 * width}
    torch.save(tensors, copy / "normalizer_action.pth")
    assert check(str(copy), *KEY) == 1
    text = said(capsys)
    assert "FAIL left arm position" in text and "checks failed:" in text


def test_another_layout_fails_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = list(CONFIG.dof_config.items())
    swapped = replace(CONFIG, dof_config=dict([*names[3:6], *names[:3], *names[6:]]))
    assert check(str(make_checkpoint(tmp_path / "tiny", config=swapped)), *KEY) == 1
    text = said(capsys)
    assert "FAIL layout" in text
    assert "1 of 9 checks failed: layout" in text


@pytest.mark.parametrize(
    ("breakage", "expected"),
    [
        (lambda folder: shutil.rmtree(folder), "does not exist; expected a folder as published"),
        (lambda folder: [p.unlink() for p in folder.iterdir()], "is empty; expected a folder"),
        (lambda folder: (folder / "config.json").unlink(), "but no config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights in"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(
                (folder / "model.safetensors").read_bytes()[:100_000]
            ),
            "(100,000 bytes) cannot be read",
        ),
        (lambda folder: (folder / "normalizer_action.pth").unlink(), "statistics of the action"),
        (lambda folder: (folder / "normalizer_propri.pth").unlink(), "statistics of the state"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer in"),
    ],
)
def test_an_incomplete_folder_is_a_sentence(
    breakage: object, expected: str, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(breakage)
    breakage(copy)
    assert check(str(copy), *KEY) == 1
    assert expected in said(capsys)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "offers: 'ex_normal', 'x2_normal'"),
        (("--normalizer-key", "x3"), "'x3'; for action this checkpoint offers"),
        ((*KEY, "--image", "face_view"), "expected label=path"),
        ((*KEY, "--image", "face_view=/nowhere.jpg"), "no picture /nowhere.jpg"),
        ((*KEY, "--image", f"face_view={ROBOT}"), "no picture that can be read"),
        (("--robot", "/nowhere.yaml"), "no such robot contract"),
        ((*KEY, "--device", "cuda:77"), "CUDA devices"),
        ((*KEY, "--steps", "0"), "--steps: got 0; expected 1 or more"),
        ((*KEY, "--resolution", "100000"), "resolution is 100000; expected 1 to 4096 px"),
        ((*KEY, "--camera-label", "face_view"), "expected label=words"),
        ((*KEY, "--camera-label", "face_view=top view"), "no label for camera"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(
    options: tuple[str, ...], expected: str, sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(str(sound), *options) == 1
    assert expected in said(capsys)


def test_a_contract_wants_a_picture_of_each_of_its_cameras(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = ROOT / "docs" / "demo.jpg"
    assert check(str(sound), "--robot", ROBOT, "--image", f"face_view={picture}") == 1
    assert "'right_wrist_view': give a picture for each" in said(capsys)


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from wall_oss_ros.cli.main import main\n"
        "main(['check', '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--normalizer-key" in done.stdout
