"""Pins: what was exported from bags can be learnt from, by one process or by several."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from recorded_robot import RecordedRobot

pytest.importorskip("accelerate", reason="training needs the 'train' extra")
pytest.importorskip("tokenizers", reason="training needs the 'model' extra")

from wall_oss_ros.cli import train_inputs
from wall_oss_ros.cli.main import main
from wall_oss_ros.data.export import export
from wall_oss_ros.data.export_episode import ExportSettings
from wall_oss_ros.model import WallOssModel
from wall_oss_ros.training.action_tokenizer import ActionTokenizerSettings
from wall_oss_ros.training.loop import COLUMNS, LOG_FILE

TWO_STEPS = ["--steps", "2", "--batch", "4", "--draws", "2", "--validate-every", "1"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only: one episode to learn from, one to look at."""
    folder = tmp_path_factory.mktemp("exported")
    robot = RecordedRobot()
    bags = [robot.write(folder / "episodes", name, 3.0) for name in ("one", "two")]
    settings = ExportSettings(fps=10, shortest_s=0.5)
    export(bags, folder / "set", settings, workers=1, validation=0.5, rng=np.random.default_rng(0))
    return folder / "set"


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / LOG_FILE).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_exported_dataset_trains_a_checkpoint_and_the_training_goes_on(
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A good tokenizer takes minutes.
    quick = partial(ActionTokenizerSettings, steps=5)
    monkeypatch.setattr(train_inputs, "ActionTokenizerSettings", quick)
    output = tmp_path / "model"
    common = ["train", str(dataset), "--output", str(output), *TWO_STEPS]
    discrete = ["--discrete", "0.01", "--align", "0.1", "--next-frame", "0.1"]
    assert main([*common, *discrete, "--insulate"]) == 0
    assert "million parameters" in capsys.readouterr().out
    words = (output / "tokenizer.json").stat().st_mtime_ns
    tokens = (output / "action_tokenizer.safetensors").stat().st_mtime_ns
    first = rows_of(output)
    assert [row["step"] for row in first] == ["1", "2"] and tuple(first[0]) == COLUMNS
    assert all(float(row["val_first_mm"]) > 0 and row["discrete"] for row in first)
    assert main([*common, "--discrete", "0.01", "--steps", "3", "--resume"]) == 0
    assert [row["step"] for row in rows_of(output)] == ["1", "2", "3"]
    # What the weights were trained with stays what it was.
    assert (output / "tokenizer.json").stat().st_mtime_ns == words
    assert (output / "action_tokenizer.safetensors").stat().st_mtime_ns == tokens
    assert WallOssModel.from_pretrained(output).config.cameras


def test_two_processes_learn_one_model(dataset: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    launch += ["--module", "wall_oss_ros.cli.main", "train", str(dataset), "--insulate"]
    launch += ["--output", str(tmp_path / "two"), *TWO_STEPS, "--minutes", "15", "--threads", "1"]
    done = subprocess.run(
        launch,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,  # three processes import torch, two of them train, perhaps beside a build
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("million parameters") == 1  # one process speaks
    assert [row["step"] for row in rows_of(tmp_path / "two")] == ["1", "2"]
    assert WallOssModel.from_pretrained(tmp_path / "two").config.cameras


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--resume"], "to go on from; leave --resume out"),
        (["--text", "0.01"], "does not say what is to be done next"),
        (["--size", "huge"], "unknown size 'huge'; valid: 'small'"),
        (["--cameras", "third_eye"], "has no 'third_eye'; it has"),
        (["--beginnings", "2"], "--beginnings: got 2; expected 0 to 1"),
        (["--glances", "1"], "--glances: got 1; expected 0 to below 1"),
    ],
)
def test_what_cannot_be_is_one_sentence(dataset, tmp_path, capsys, options, sentence):
    assert main(["train", str(dataset), "--output", str(tmp_path / "out"), *options]) == 1
    shown = capsys.readouterr().err
    assert sentence in shown
    assert shown.count("\n") == 1
