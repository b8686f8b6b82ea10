"""Reasons that differ in their numbers only are one line."""

from __future__ import annotations

from wall_oss_ros.data.reasons import grouped


def test_reasons_of_the_same_words_are_counted_together():
    reasons = {"0.52 s old, limit 0.50 s": 2, "0.71 s old, limit 0.50 s": 3, "nothing yet": 4}
    assert grouped(reasons) == [(5, "0.71 s old, limit 0.50 s"), (4, "nothing yet")]
    assert grouped({}) == []
