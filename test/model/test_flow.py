"""Pins: the walk from noise to actions without a model: times, steps, masked dimensions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from wall_oss_ros.model.config import TINY
from wall_oss_ros.model.flow import FlowHead, integrate, sliding, time_embedding, times

steps_ = st.integers(1, 50)
scales = st.sampled_from([0.9, 0.999, 1.0])
shifts = st.sampled_from([0.25, 0.5, 1.0, 1.5, 3.0, 10.0])


def field(seed: int, *shape: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape or (2, 4, 3), generator=draw, dtype=torch.float64)


@given(steps_, scales, shifts)
def test_times_rise_from_zero_to_the_scale(steps: int, scale: float, shift: float) -> None:
    when = times(steps, scale, shift)
    assert len(when) == steps + 1
    assert when.dtype == torch.float32
    assert when[0] == 0.0
    assert when[-1] == pytest.approx(scale, abs=1e-6)
    assert (when.diff() > 0).all()


@given(steps_, scales)
def test_without_a_shift_the_steps_are_even(steps: int, scale: float) -> None:
    assert times(steps, scale, 1.0).diff().tolist() == pytest.approx(
        [scale / steps] * steps, abs=1e-6
    )


def test_a_shift_bends_before_the_scale_shortens() -> None:
    """k t / (1 + (k - 1) t) at t = 0, 1/2, 1 for k = 3 is 0, 3/4, 1."""
    assert times(2, 0.999, 3.0).tolist() == pytest.approx([0.0, 0.75 * 0.999, 0.999])


@given(st.integers(1, 30), shifts)
def test_a_shift_and_its_inverse_are_mirrored(steps: int, shift: float) -> None:
    forth, back = times(steps, 1.0, shift), times(steps, 1.0, 1.0 / shift)
    assert forth.tolist() == pytest.approx((1.0 - back.flip(0)).tolist(), abs=1e-5)


@given(steps_, scales, shifts, st.integers(0, 1000))
def test_a_constant_field_is_walked_exactly(
    steps: int, scale: float, shift: float, seed: int
) -> None:
    noise, velocity = field(seed), field(seed + 1)
    got = integrate(lambda x, t: velocity, noise, times(steps, scale, shift).double())
    torch.testing.assert_close(got, noise + scale * velocity, rtol=0, atol=1e-6)


@given(steps_, shifts, st.integers(0, 1000))
def test_the_straight_field_arrives_from_wherever_it_starts(
    steps: int, shift: float, seed: int
) -> None:
    """(target - x) / (1 - t) points straight at the target; Euler steps on it are exact."""
    noise, target = field(seed), field(seed + 1)
    when = times(steps, 1.0, shift).double()
    got = integrate(lambda x, t: (target - x) / (1.0 - t), noise, when)
    torch.testing.assert_close(got, target, rtol=0, atol=1e-6)


def test_every_step_is_asked_at_its_beginning() -> None:
    asked: list[tuple[float, float]] = []

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        asked.append((float(x), float(t)))
        return torch.ones(1)

    integrate(velocity, torch.zeros(1), torch.tensor([0.0, 0.25, 0.75, 1.0]))
    assert asked == [(0.0, 0.0), (0.25, 0.25), (0.75, 0.75)]


def test_the_noise_is_left_as_it_was() -> None:
    noise = torch.ones(3)
    integrate(lambda x, t: x, noise, times(3, 1.0, 1.0))
    assert noise.tolist() == [1.0] * 3


@given(steps_, shifts, st.integers(0, 1000))
def test_masked_dimensions_slide_to_their_target_whatever_the_field(
    steps: int, shift: float, seed: int
) -> None:
    noise, target, mask = field(seed), field(seed + 1, 1, 1, 3), (field(seed + 2) > 0).double()
    inner = field(seed + 3)
    velocity = sliding(lambda x, t: inner * t, noise, target, mask)
    got = integrate(velocity, noise, times(steps, 1.0, shift).double())
    free = integrate(lambda x, t: inner * t, noise, times(steps, 1.0, shift).double())
    expected = torch.where(mask == 0, target.expand_as(noise), free)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


@given(st.sampled_from([8, 32, 1024]), st.floats(0.0, 1.0, width=32))
def test_the_time_is_written_as_sines_then_cosines(channels: int, time: float) -> None:
    got = time_embedding(torch.tensor(time), channels)
    half = channels // 2
    rates = [10000.0 ** (-i / (half - 1)) for i in range(half)]
    expected = [math.sin(time * rate) for rate in rates] + [math.cos(time * rate) for rate in rates]
    assert got.tolist() == pytest.approx(expected, abs=1e-6)
    # The fastest turns with the time itself, the slowest 10000 times slower.
    assert (rates[0], rates[-1]) == (1.0, pytest.approx(1e-4))


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 0.9, 0.97, 0.999]))
def test_a_predicted_action_is_a_velocity_towards_it(seed: int, time: float) -> None:
    """(action - x) / (1 - t), where the rest of the way counts as 0.05 at least."""
    head = FlowHead(TINY)
    hidden, x = field(seed, 1, 2, 64).float(), field(seed + 1, 1, 2, 26).float()
    now = torch.tensor(time)
    with torch.no_grad():
        action = head.velocity(hidden, x, now)
        head.predict_x = True
        got = head.velocity(hidden, x, now)
    rest = max(1.0 - time, 0.05)
    torch.testing.assert_close(got * rest, action - x, rtol=1e-4, atol=1e-5)


def test_only_the_heads_own_channels_are_read() -> None:
    head = FlowHead(TINY)
    hidden, x = field(0, 1, 2, 64).float(), field(1, 1, 2, 26).float()
    other = hidden.clone()
    other[..., TINY.action_hidden_size :] = 7.0
    with torch.no_grad():
        now = torch.tensor(0.5)
        assert torch.equal(head.velocity(hidden, x, now), head.velocity(other, x, now))
