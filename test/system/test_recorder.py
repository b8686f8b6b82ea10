"""episode_recorder against drivers at full rate: nothing is lost, and a kill loses little."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system


def test_a_minute_at_full_rate_loses_no_message_and_a_kill_leaves_what_was_there(wall_oss):
    done = wall_oss("bench", "recorder", "--seconds", "60", "--kills", "2", timeout_s=180.0)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| yes |") == 2
