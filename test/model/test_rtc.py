"""Pins: a new chunk goes on from the rows the robot follows, and without such rows it is as ever.

On the reference's own small model. Guidance is the exact gradient of what it claims to reduce, with
a bounded weight at every time; a hard prefix is what was committed, to the bit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from wall_oss_ros.core.errors import ModelError
from wall_oss_ros.model.flow import Velocity, integrate, sliding, times
from wall_oss_ros.model.rtc import (
    SCHEDULES,
    Continuation,
    Guidance,
    guidance_weight,
    prefix_weights,
    pulled,
    with_prefix,
)

HORIZON = 8
EVERY_ROW = Guidance("ones")
schedules = pytest.mark.parametrize("schedule", list(SCHEDULES))
both = pytest.mark.parametrize("gradient", [True, False], ids=["gradient", "replaced"])
Change = Callable[[Velocity], Velocity]


class Flow:
    """The velocity of the vector's model after its prompt, and what it needs to be walked."""

    def __init__(self) -> None:
        model = reference.load("v05")
        data = reference.arrays("v05")
        kept: dict[str, object] = {}

        def keep(inputs: object, memories: object) -> Velocity:
            kept["inputs"] = inputs
            kept["velocity"] = velocity_of(inputs, memories)
            return kept["velocity"]

        velocity_of, model.velocity_of = model.velocity_of, keep  # type: ignore[method-assign]
        given = reference.arguments(data)
        self.answer = model.generate_flow_action(**given)["predict_action_normalized"]
        inputs = kept["inputs"]
        self.velocity: Velocity = kept["velocity"]
        self.noise, self.mask = inputs.noise, inputs.dof_mask
        self.when = model.inference_times(10)
        _, self.target = model.free_and_target(self.mask, model.normalizer_keys(None, 1))

    def chunk(self, change: Change = lambda v: v, held: Continuation | None = None) -> Tensor:
        """Generate as the engine does, the velocity changed before `sliding` or rows held in it."""
        free, target = self.mask, self.target
        if held is not None:
            free, target = held.hold(free, target, self.mask)
        velocity = sliding(change(self.velocity), self.noise, target, free)
        with torch.no_grad():
            return integrate(velocity, self.noise, self.when)


@functools.cache
def flow() -> Flow:
    return Flow()


def old_rows(rows: int = HORIZON) -> Tensor:
    """What another noise led to: rows that the model might have given."""
    generator = torch.Generator().manual_seed(3)
    moved = 0.3 * torch.randn(flow().answer[:, :rows].shape, generator=generator)
    return (flow().answer[:, :rows] + moved).clamp(-1.0, 1.0)


def distance(chunk: Tensor, rows: Tensor) -> float:
    count = rows.shape[1]
    return float(((chunk[:, :count] - rows) * flow().mask[:, :count]).norm())


def pull(rows: Tensor, delay: int = 0, guidance: Guidance = EVERY_ROW) -> Change:
    mask = flow().mask
    target, weights = Continuation(rows, delay, guidance).pull(mask)
    return lambda velocity: pulled(velocity, target, weights, mask, guidance)


# Without rows to go on from


def test_the_harness_generates_what_the_model_generates() -> None:
    assert torch.equal(flow().chunk(), flow().answer)


@both
@schedules
def test_without_rows_guidance_changes_nothing(schedule: str, gradient: bool) -> None:
    chunk = flow().chunk(pull(old_rows(0), 0, Guidance(schedule, gradient=gradient)))
    assert torch.equal(chunk, flow().answer)


@both
def test_without_weight_guidance_changes_nothing_and_reads_nothing(gradient: bool) -> None:
    nothing = torch.full((1, HORIZON, 26), math.nan)
    chunk = flow().chunk(pull(nothing, 0, Guidance("zeros", gradient=gradient)))
    assert torch.equal(chunk, flow().answer)
    weightless = Guidance("ones", max_weight=0.0, gradient=gradient)
    assert torch.equal(flow().chunk(pull(old_rows(), 0, weightless)), flow().answer)


def test_without_committed_rows_a_hard_prefix_changes_nothing() -> None:
    assert torch.equal(hard(old_rows(0), 0), flow().answer)
    assert torch.equal(hard(old_rows(), 0), flow().answer)


# The weights of rows


@schedules
def test_committed_rows_count_fully_free_ones_not_and_between_it_only_falls(schedule: str) -> None:
    for delay in range(HORIZON + 1):
        for end in range(delay, HORIZON + 3):
            weights = prefix_weights(delay, end, HORIZON, schedule)
            assert weights.shape == (HORIZON,)
            assert (weights[:delay] == 1.0).all()
            assert (weights[end:] == 0.0).all()
            assert (weights.diff() <= 0.0).all()
            assert ((weights >= 0.0) & (weights <= 1.0)).all()


def test_the_schedules_are_those_of_the_paper() -> None:
    early = torch.tensor([4, 3, 2, 1]) / 5  # c of rows 2 to 5: (6 - i) / (6 - 2 + 1)
    assert prefix_weights(2, 6, 8, "linear")[2:6].tolist() == pytest.approx(early.tolist())
    soft = [c * (math.exp(c) - 1) / (math.e - 1) for c in early.tolist()]
    assert prefix_weights(2, 6, 8, "exp")[2:6].tolist() == pytest.approx(soft)
    assert prefix_weights(2, 6, 8, "ones").tolist() == [1.0] * 6 + [0.0] * 2
    assert prefix_weights(2, 6, 8, "zeros").tolist() == [1.0] * 2 + [0.0] * 6


def test_the_overlap_ends_where_it_is_told_to_or_the_old_chunk_ends() -> None:
    assert Guidance("ones").weights(1, 5, 8).tolist() == [1.0] * 5 + [0.0] * 3
    assert Guidance("ones", overlap_end=3).weights(1, 5, 8).tolist() == [1.0] * 3 + [0.0] * 5
    assert Guidance("ones", overlap_end=7).weights(1, 5, 8).tolist() == [1.0] * 5 + [0.0] * 3
    # What is committed is committed, however short the overlap was wished.
    assert Guidance("ones", overlap_end=1).weights(4, 5, 8).tolist() == [1.0] * 4 + [0.0] * 4


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: Guidance("cosine"), "'cosine'.*'exp', 'linear', 'ones', 'zeros'"),
        (lambda: Guidance(max_weight=math.nan), "max_weight is nan"),
        (lambda: Guidance(max_weight=-1.0), "max_weight is -1.0"),
        (lambda: Guidance(spread=0.0), "spread is 0.0"),
        (lambda: Guidance(overlap_end=-1), "overlap_end is -1"),
        (lambda: Guidance().weights(4, 3, 8), "4 rows are committed, the old chunk has 3"),
        (lambda: prefix_weights(4, 3, 8, "exp"), "4 committed rows in an overlap of 3"),
        (lambda: prefix_weights(9, 9, 8, "exp"), "a chunk of 8"),
        (lambda: prefix_weights(0, 3, 8, "cosine"), "'cosine'"),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], object], fault: str) -> None:
    with pytest.raises(ModelError, match=fault):
        make()


# The weight of the correction


def test_the_weight_is_that_of_the_paper_and_bounded_at_every_time() -> None:
    time = torch.linspace(0.0, 1.0, 101)
    weight = guidance_weight(time, Guidance(max_weight=5.0, spread=1.0))
    assert torch.isfinite(weight).all()
    assert weight.max() == 5.0
    assert weight[0] == weight[-1] == 5.0
    assert weight[50] == pytest.approx(2.0)
    for t, w in zip(time[1:-1].tolist(), weight[1:-1].tolist(), strict=True):
        r2 = (1 - t) ** 2 / (t**2 + (1 - t) ** 2)
        assert w == pytest.approx(min(5.0, (1 - t) / (t * r2)), rel=1e-4)


@given(st.floats(0.01, 0.99), st.floats(0.01, 3.0))
def test_the_weight_suits_data_that_spread_less_than_the_whole_range(
    time: float, spread: float
) -> None:
    """r^2 is the variance of the data given x(t), by Bayes for normal data and normal noise."""
    noise = (1.0 - time) ** 2 / time**2  # of x(t) / t about the data
    r2 = 1.0 / (1.0 / spread**2 + 1.0 / noise)
    guidance = Guidance(max_weight=1e6, spread=spread)
    weight = float(guidance_weight(torch.tensor(time, dtype=torch.float64), guidance))
    assert weight == pytest.approx(min((1.0 - time) / (time * r2), 1e6), rel=1e-6)


@both
@pytest.mark.parametrize("time", [0.0, 1e-30, 0.5, 1.0 - 1e-7, 1.0])
def test_a_guided_velocity_is_finite_at_every_time(time: float, gradient: bool) -> None:
    velocity = pull(old_rows(), 0, Guidance("ones", gradient=gradient))(flow().velocity)
    assert torch.isfinite(velocity(flow().noise, torch.tensor(time))).all()


@pytest.mark.parametrize("time", [0.0, 0.3, 0.9])
def test_the_correction_is_the_gradient_of_the_distance(time: float) -> None:
    """Against finite differences, in float64: every tenth of the 208 numbers of x."""
    flow64 = double()
    rows, mask, when = old_rows().double(), flow().mask.double(), torch.tensor(time).double()
    guidance = Guidance("exp", overlap_end=7)
    weights = prefix_weights(3, 7, HORIZON, "exp").double()
    target, weight = Continuation(rows, 3, guidance).pull(mask)
    x = flow().noise.double()

    def badness(at: Tensor) -> float:
        end = at + (1.0 - when) * flow64(at, when)
        return float(0.5 * (weights[:, None] * mask * (rows - end) ** 2).sum())

    with torch.no_grad():
        changed = pulled(flow64, target, weight, mask, guidance)(x, when)
        correction = (changed - flow64(x, when)) / guidance_weight(when, guidance)
        step = 1e-5
        for index in range(0, x.numel(), 10):
            nudge = torch.zeros_like(x)
            nudge.view(-1)[index] = step
            slope = (badness(x + nudge) - badness(x - nudge)) / (2 * step)
            expected = -slope if bool(mask.view(-1)[index]) else 0.0
            assert float(correction.view(-1)[index]) == pytest.approx(expected, abs=1e-6, rel=1e-4)


def double() -> Velocity:
    """A smooth flow whose rows and dimensions depend on each other, in float64."""
    generator = torch.Generator().manual_seed(1)
    mix = torch.randn(HORIZON * 26, HORIZON * 26, generator=generator, dtype=torch.float64) / 15
    return lambda x, time: torch.tanh(mix @ x.flatten() + time).view(x.shape) - 0.5 * x


def test_the_model_itself_gives_the_gradient() -> None:
    """In float32 and against one difference along the gradient: the caches hide nothing of it."""
    rows, time = old_rows(), torch.tensor(0.4)
    velocity = flow().velocity
    x = flow().noise

    def badness(at: Tensor) -> Tensor:
        end = (at + (1.0 - time) * velocity(at, time)).double()
        return 0.5 * (flow().mask * (rows - end) ** 2).sum()

    with torch.no_grad():
        changed = pull(rows)(velocity)(x, time)
        correction = (changed - velocity(x, time)) / guidance_weight(time, Guidance())
        step = 1e-3 * correction
        slope = float(badness(x - step) - badness(x + step)) / 2e-3
    assert slope == pytest.approx(float(correction.double().square().sum()), rel=1e-2)


# Guidance


@both
@schedules
def test_a_guided_chunk_is_nearer_to_the_rows_that_are_committed(
    schedule: str, gradient: bool
) -> None:
    chunk = flow().chunk(pull(old_rows(), 3, Guidance(schedule, gradient=gradient)))
    committed = old_rows(3)
    assert distance(chunk, committed) < 0.5 * distance(flow().answer, committed)


@both
def test_the_larger_the_weight_the_nearer(gradient: bool) -> None:
    far = []
    for beta in (0.0, 0.5, 1.0, 2.0, 5.0, 10.0):
        guidance = Guidance("exp", beta, gradient=gradient)
        far.append(distance(flow().chunk(pull(old_rows(), 4, guidance)), old_rows(4)))
    assert far == sorted(far, reverse=True)


@both
def test_no_step_corrects_by_more_than_the_bound(gradient: bool) -> None:
    x, velocity = flow().noise, flow().velocity
    one, three = (Guidance("ones", weight, gradient=gradient) for weight in (1.0, 3.0))
    for time in (0.0, 0.1, 0.5, 0.9, 1.0):
        when = torch.tensor(time)
        with torch.no_grad():
            plain = velocity(x, when)
            unit = pull(old_rows(), 0, one)(velocity)(x, when) - plain  # weight 1
            bounded = pull(old_rows(), 0, three)(velocity)(x, when) - plain
        assert bounded.norm() <= 3.0 * unit.norm() * (1 + 1e-4)


@both
def test_masked_dimensions_slide_as_without_guidance(gradient: bool) -> None:
    chunk = flow().chunk(pull(old_rows(), 0, Guidance("ones", gradient=gradient)))
    masked = flow().mask == 0
    assert masked.any()
    assert torch.equal(chunk[masked], flow().answer[masked])


@both
def test_rows_of_no_weight_are_not_read(gradient: bool) -> None:
    guidance = Guidance("exp", overlap_end=5, gradient=gradient)
    filled = torch.full((1, HORIZON, 26), math.nan)
    filled[:, :5] = old_rows(5)
    expected = flow().chunk(pull(old_rows(5), 2, guidance))
    assert torch.isfinite(expected).all()
    assert torch.equal(flow().chunk(pull(filled, 2, guidance)), expected)


@given(st.floats(0.01, 0.99), st.floats(0.01, 3.0))
def test_for_independent_normal_numbers_both_kinds_are_the_same(time: float, spread: float) -> None:
    """The flow of such data in closed form; path_flow.py in cli/bench derives it."""
    draw = torch.Generator().manual_seed(5)
    mean, x, rows = torch.randn(3, 1, 4, 3, generator=draw, dtype=torch.float64)
    weights = torch.rand(1, 4, 3, generator=draw, dtype=torch.float64)
    mask, when = torch.ones_like(mean), torch.tensor(time, dtype=torch.float64)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        variance = (1 - t) ** 2 + (spread * t) ** 2
        return mean + (t * spread**2 - (1 - t)) / variance * (x - t * mean)

    one, other = (
        pulled(velocity, rows, weights, mask, Guidance("ones", 1e9, spread, gradient=gradient))
        for gradient in (True, False)
    )
    torch.testing.assert_close(one(x, when), other(x, when), rtol=1e-6, atol=1e-6)


def test_replaced_rows_end_where_they_are_bound_to_and_softly_bound_ones_between() -> None:
    """The last step goes all the way; the times of this model end a thousandth before 1."""
    draw = torch.Generator().manual_seed(6)
    velocity, mask = flow().velocity, flow().mask
    weights = torch.rand(mask.shape, generator=draw) * mask
    last = flow().when[-2]
    x = torch.randn(mask.shape, generator=draw)
    with torch.no_grad():
        end = x + (1.0 - last) * velocity(x, last)
        to_rows = pulled(velocity, old_rows(), weights, mask, Guidance(gradient=False))
        reached = x + (1.0 - last) * to_rows(x, last)
    torch.testing.assert_close(reached, torch.lerp(end, old_rows(), weights), atol=1e-5, rtol=0.0)


def test_free_rows_follow_replaced_ones() -> None:
    guidance = Guidance("zeros", gradient=False)
    chunks = [flow().chunk(pull(rows, 3, guidance)) for rows in (old_rows(), -old_rows())]
    assert not torch.allclose(chunks[0][:, 3:], chunks[1][:, 3:], atol=1e-4)


def test_guidance_leaves_no_gradients_behind() -> None:
    velocity = pull(old_rows())(flow().velocity)
    assert not velocity(flow().noise, torch.tensor(0.5)).requires_grad


def test_a_gradient_says_that_inference_mode_forbids_it_and_without_one_it_is_allowed() -> None:
    velocity = pull(old_rows())(flow().velocity)
    with torch.inference_mode(), pytest.raises(ModelError, match="use torch.no_grad"):
        velocity(flow().noise, torch.tensor(0.5))
    with torch.inference_mode():
        pull(old_rows(), 0, Guidance(gradient=False))(flow().velocity)(
            flow().noise, torch.tensor(0.5)
        )


# A hard prefix


def hard(rows: Tensor, delay: int, change: Change = lambda v: v) -> Tensor:
    chunk = flow().chunk(change, Continuation(rows, delay))
    return with_prefix(chunk, rows, delay, flow().mask)


@pytest.mark.parametrize("delay", [1, 4, HORIZON])
def test_a_hard_prefix_is_what_was_committed(delay: int) -> None:
    rows = old_rows(delay)
    chunk = hard(rows, delay)
    active = flow().mask[:, :delay] > 0
    assert torch.equal(chunk[:, :delay][active], rows[active])
    assert torch.equal(chunk[:, :delay][~active], flow().answer[:, :delay][~active])


def test_the_prefix_is_on_its_straight_way_at_every_step() -> None:
    rows, seen = old_rows(3), []

    def spy(velocity: Velocity) -> Velocity:
        def spied(x: Tensor, time: Tensor) -> Tensor:
            seen.append((x[:, :3].clone(), float(time)))
            return velocity(x, time)

        return spied

    hard(rows, 3, spy)
    active = flow().mask[:, :3] > 0
    assert len(seen) == 10
    for x, time in seen:
        expected = (1 - time) * flow().noise[:, :3] + time * rows
        assert torch.allclose(x[active], expected[active], atol=1e-5)


def test_the_rest_is_generated_in_sight_of_the_prefix() -> None:
    one, other = old_rows(3), -old_rows(3)
    assert not torch.allclose(hard(one, 3)[:, 3:], hard(other, 3)[:, 3:], atol=1e-4)


def test_holding_the_models_own_rows_gives_its_own_chunk() -> None:
    """Straight instead of along the flow: the same end, up to the bend of its path."""
    own = flow().answer
    far = (hard(own[:, :3], 3) - own).norm() / own.norm()
    assert far < 0.1


def test_what_is_not_held_is_left_as_it_was_given() -> None:
    """Also where masked dimensions run free: `free` and `target` of one number each."""
    mask, rows = flow().mask, old_rows(3)
    held = (torch.arange(HORIZON) < 3)[:, None] & (mask > 0)
    for free, target in ((mask, flow().target), (torch.ones(1), torch.zeros(1))):
        new_free, new_target = Continuation(rows, 3).hold(free, target, mask)
        assert new_free.shape == new_target.shape == mask.shape
        assert (new_free[held] == 0.0).all()
        assert torch.equal(new_target[:, :3][held[:, :3]], rows[held[:, :3]])
        assert torch.equal(new_free[~held], free.expand(mask.shape)[~held])
        assert torch.equal(new_target[~held], target.expand(mask.shape)[~held])


def test_after_guidance_committed_rows_are_set_and_the_others_are_nearer_than_without() -> None:
    rows = old_rows()
    guided = flow().chunk(pull(rows, 3, Guidance("linear")))
    chunk = with_prefix(guided, rows, 3, flow().mask)
    assert torch.equal(chunk[:, 3:], guided[:, 3:])
    active = flow().mask[:, :3] > 0
    assert torch.equal(chunk[:, :3][active], rows[:, :3][active])
    assert distance(chunk, rows) < distance(hard(rows, 3), rows)


# What cannot be used


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (torch.zeros(2, 8, 26), r"\(2, 8, 26\); expected \(1, up to 8, 26\)"),
        (torch.zeros(1, 9, 26), r"\(1, 9, 26\)"),
        (torch.zeros(1, 8, 20), r"\(1, 8, 20\)"),
        (torch.zeros(8, 26), r"\(8, 26\)"),
        (torch.zeros(1, 2, 26), "3 rows are (bound|committed).*old chunk.* has 2 left"),
        (torch.full((1, 8, 26), math.inf), "committed row 0 is not finite in dimension"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(rows: Tensor, fault: str) -> None:
    mask, target = flow().mask, flow().target
    with pytest.raises(ModelError, match=fault):
        Continuation(rows, 3, Guidance("zeros")).pull(mask)
    with pytest.raises(ModelError, match=fault):
        Continuation(rows, 3).hold(mask, target, mask)
    with pytest.raises(ModelError, match=fault):
        with_prefix(flow().answer, rows, 3, flow().mask)


def test_less_than_no_rows_are_refused() -> None:
    mask, target = flow().mask, flow().target
    with pytest.raises(ModelError, match="-1 rows are committed"):
        Continuation(old_rows(), -1, Guidance()).pull(mask)
    with pytest.raises(ModelError, match="-1 committed rows"):
        Continuation(old_rows(), -1).hold(mask, target, mask)
    with pytest.raises(ModelError, match="-1 committed rows"):
        with_prefix(flow().answer, old_rows(), -1, mask)


def test_times_of_the_model_end_before_one_and_the_prefix_does_not() -> None:
    assert float(times(10, 0.999, 1.0)[-1]) < 1.0
    rows, delay = old_rows(2), 2
    chunk = flow().chunk(held=Continuation(rows, delay))
    active = flow().mask[:, :delay] > 0
    assert not torch.equal(chunk[:, :delay][active], rows[active])
    assert torch.allclose(chunk[:, :delay][active], rows[active], atol=1e-2)
