"""Pins: a stream's history is in stamp order, whatever order its messages come in.

And a state asked for at an instant is never from the time after it: a policy trained on the past
must not see the future when bags are replayed.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wall_oss_ros.core.stream import RESET_TOLERANCE_NS, PushOutcome, StreamBuffer

# Stamps that stay within one clock: nothing among them counts as a jump back.
stamps_lists = st.lists(st.integers(0, 100), min_size=1, max_size=20)


def filled(stamps: list[int], capacity: int = 100) -> StreamBuffer[int]:
    """A buffer whose values are the stamps."""
    buffer: StreamBuffer[int] = StreamBuffer(capacity)
    for stamp in stamps:
        buffer.push(stamp, stamp, stamp)
    return buffer


def kept(stamps: list[int]) -> list[int]:
    """The stamps that are newer than all before them."""
    return [stamp for i, stamp in enumerate(stamps) if all(stamp > s for s in stamps[:i])]


def test_outcomes_say_what_happened() -> None:
    buffer: StreamBuffer[str] = StreamBuffer(4)
    assert buffer.push(100, 0, "first") is PushOutcome.ACCEPTED
    assert buffer.push(100, 1, "again") is PushOutcome.REPEATED
    assert buffer.push(99, 2, "late") is PushOutcome.LATE
    assert buffer.push(101, 3, "next") is PushOutcome.ACCEPTED
    assert buffer.newest is not None and buffer.newest.value == "next"
    assert buffer.nearest(0).value == "first"  # neither repeated nor late replaced it


def test_a_jump_back_starts_anew() -> None:
    long_ago = 5 * RESET_TOLERANCE_NS
    buffer = filled([long_ago, long_ago + 1])
    assert buffer.push(long_ago + 1 - RESET_TOLERANCE_NS, 0, 1) is PushOutcome.LATE
    assert buffer.push(long_ago - RESET_TOLERANCE_NS, 0, 2) is PushOutcome.RESTARTED
    assert buffer.nearest(long_ago).value == 2
    assert buffer.newest.value == 2


def test_an_empty_stream_has_nothing() -> None:
    buffer: StreamBuffer[int] = StreamBuffer(1)
    assert buffer.newest is None and buffer.nearest(0) is None
    assert buffer.newest_not_later(0) is None
    buffer.push(5, 5, 5)
    buffer.clear()
    assert buffer.newest is None


def test_a_buffer_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity 0"):
        StreamBuffer(0)


@given(stamps_lists, st.integers(1, 5))
def test_the_newest_samples_are_kept_in_order(stamps: list[int], capacity: int) -> None:
    buffer = filled(stamps, capacity)
    expected = kept(stamps)[-capacity:]
    assert buffer.newest is not None and buffer.newest.value == expected[-1]
    assert buffer.nearest(-1).value == expected[0]
    assert [buffer.newest_not_later(stamp).value for stamp in expected] == expected


@given(stamps_lists, st.integers(-10, 110))
def test_newest_not_later_never_looks_into_the_future(stamps: list[int], now: int) -> None:
    past = [stamp for stamp in kept(stamps) if stamp <= now]
    sample = filled(stamps).newest_not_later(now)
    assert sample is None if not past else sample is not None and sample.stamp_ns == max(past)


@given(stamps_lists, st.integers(-10, 110))
def test_nearest_is_nearest_and_the_older_one_on_a_tie(stamps: list[int], now: int) -> None:
    sample = filled(stamps).nearest(now)
    best = min(abs(stamp - now) for stamp in kept(stamps))
    assert sample is not None
    assert sample.stamp_ns == min(s for s in kept(stamps) if abs(s - now) == best)


def test_a_sample_knows_when_it_was_captured_and_when_it_came() -> None:
    buffer: StreamBuffer[str] = StreamBuffer(1)
    buffer.push(10, 17, "picture")
    assert (buffer.newest.stamp_ns, buffer.newest.received_ns) == (10, 17)
