"""Pins: what is typed behind --set becomes a setting of its declared type, or a sentence."""

from __future__ import annotations

import pytest

from wall_oss_ros.cli.policy_settings import chosen_settings
from wall_oss_ros.core.errors import PolicyError, WallOssError
from wall_oss_ros.policies.wall_oss_settings import WallOssSettings


def test_without_assignments_a_back_end_keeps_its_own_defaults() -> None:
    assert chosen_settings("wall_oss", []) is None


def test_texts_stay_texts_and_whole_numbers_serve_where_others_are_meant() -> None:
    given = ["continuation=off", "system_prompt=", "steps=4", "fade_s=1", "autotune=true"]
    assert chosen_settings("wall_oss", given) == WallOssSettings(
        continuation="off", system_prompt="", steps=4, fade_s=1.0, autotune=True
    )


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("steps=true", "got bool; expected int"),
        ("steps=[", "got str; expected int"),
        ("steps=", "got NoneType; expected int"),
        ("fade_s=yes", "got bool; expected float"),
        ("steps=0", "steps: got 0; expected 1 to 100"),
        ("continuation=perhaps", "expected one of 'auto', 'guided', 'inpainted'"),
        ("steps", "expected NAME=VALUE"),
    ],
)
def test_what_cannot_be_is_said(assignment: str, sentence: str) -> None:
    with pytest.raises(WallOssError, match=sentence):
        chosen_settings("wall_oss", [assignment])


def test_an_unknown_back_end_is_said_before_its_settings() -> None:
    with pytest.raises(PolicyError, match="unknown policy 'magic'"):
        chosen_settings("magic", ["steps=4"])
