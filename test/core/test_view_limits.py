"""Pins: a browser that floods is refused, a person is not, and an e-stop never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.view.command_limit import Answer, CommandLimit
from wall_oss_ros.core.view.token_bucket import TokenBucket

SECOND = 1_000_000_000
STEPS = st.lists(st.integers(0, SECOND), max_size=200)


@given(STEPS, st.floats(0.5, 50.0), st.floats(1.0, 20.0))
def test_no_more_than_a_burst_and_the_rate_is_ever_taken(steps, rate, burst) -> None:
    bucket, now, taken = TokenBucket(rate, burst), 0, 0
    for step in steps:
        now += step
        taken += bucket.take(now)
    assert taken <= burst + rate * now / SECOND + 1e-6


def test_who_waits_as_told_gets_the_rate() -> None:
    bucket, now, moved = TokenBucket(1000.0, 1000.0), 0, 0
    while now < 10 * SECOND:
        moved += 400
        now += round(bucket.owe(now, 400) * SECOND) + 1_000_000
    assert moved == pytest.approx(11_000, rel=0.1)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(1.0, 1.0)
    assert bucket.take(10 * SECOND)
    assert not bucket.take(0)
    assert not bucket.take(SECOND // 2)


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_a_bucket_that_never_fills_is_a_mistake(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        TokenBucket(rate, burst)


def test_a_person_who_presses_every_button_is_never_refused() -> None:
    limit = CommandLimit(4.0)
    presses = [limit.judge(1, press * SECOND // 3) for press in range(60)]
    assert set(presses) == {Answer.DO}


def test_a_flood_is_refused_and_another_browser_is_not() -> None:
    limit = CommandLimit(4.0)
    flood = [limit.judge("flood", step * 1_000_000) for step in range(3000)]
    assert flood.count(Answer.DO) <= 8 + 3 * 4 + 1
    assert limit.refused == flood.count(Answer.REFUSE) > 2900
    assert limit.judge("person", 3 * SECOND) is Answer.DO


def test_many_browsers_together_are_limited_too() -> None:
    limit = CommandLimit(4.0)
    answers = [limit.judge(client, 0) for client in range(1000)]
    assert answers.count(Answer.DO) <= 24


@given(STEPS)
def test_an_estop_is_never_refused_and_of_a_flood_one_in_a_moment_is_sent(steps) -> None:
    limit, now, sent = CommandLimit(1.0), 0, []
    for step in steps:
        now += step
        answer = limit.judge("any", now, estop=True)
        assert answer is not Answer.REFUSE
        if answer is Answer.DO:
            sent.append(now)
        # What was merged was sent a moment ago.
        assert now - sent[-1] <= 50_000_000


def test_a_browser_that_is_forgotten_begins_anew() -> None:
    limit = CommandLimit(1.0)
    assert [limit.judge(7, 0) for _ in range(3)].count(Answer.REFUSE) == 1
    limit.forget(7)
    assert limit.judge(7, 0) is Answer.DO
