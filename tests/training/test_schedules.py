"""The learning rate in every step, against the formula in NumPy."""

import keras
import numpy as np
import pytest

from kerasbert.errors import ConfigError
from kerasbert.training.schedules import SCHEDULES, WarmupDecay, make_schedule


def rates(schedule, *steps):
    return [float(schedule(step)) for step in steps]


def every_rate(schedule):
    """Of all steps and some behind the last, in one call."""
    return np.asarray(schedule(np.arange(schedule.total + 20)))


def formula(*, peak, total, warmup, end, down, decay=None):
    """The same in NumPy: lines through the corners, and `down` of the share of the way down that is done."""
    start = total - (total - warmup if decay is None else decay)
    steps = np.arange(total + 20, dtype="float64")
    done = np.clip((steps - start) / max(total - start, 1), 0, 1)
    return np.where(steps < warmup, peak * steps / max(warmup, 1), end + (peak - end) * down(done))


DOWN = {
    "linear": (lambda done: 1 - done, None),
    "polynomial": (lambda done: np.sqrt(1 - done), None),
    "cosine": (lambda done: (1 + np.cos(np.pi * done)) / 2, None),
    "wsd": (lambda done: 1 - done, 33),
}


@pytest.mark.parametrize("warmup", [0, 1, 40])
@pytest.mark.parametrize("end", [0.0, 0.02])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_step_of_every_schedule_is_the_formula_also_after_saving(name, end, warmup):
    down, decay = DOWN[name]
    schedule = make_schedule(name, peak=6e-4, steps=333, warmup=warmup, end=end)
    expected = formula(peak=6e-4, total=333, warmup=warmup, end=end * 6e-4, down=down, decay=decay)
    np.testing.assert_allclose(every_rate(schedule), expected, rtol=2e-5, atol=2e-10)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert isinstance(again, WarmupDecay)
    np.testing.assert_array_equal(every_rate(again), every_rate(schedule))


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_has_the_peak_where_the_warm_up_ends_and_the_end_where_the_run_ends(name):
    schedule = make_schedule(name, peak=2.0, steps=110, warmup=10, end=0.25)
    assert rates(schedule, 0, 1, 5, 10) == pytest.approx([0, 0.2, 1.0, 2.0])
    assert rates(schedule, 110, 111, 10_000) == pytest.approx([0.5] * 3)
    steps = np.diff(every_rate(schedule))
    assert (steps[:10] > 0).all()
    assert (steps[10:] <= 0).all()


def test_a_power_bends_the_way_down():
    schedule = WarmupDecay(peak=1.0, total=8, end=0.2, power=2.0)
    assert rates(schedule, 0, 2, 4, 8) == pytest.approx([1.0, 0.2 + 0.8 * 0.75**2, 0.2 + 0.8 * 0.25, 0.2])


def test_the_rate_is_flat_until_the_decay_of_any_shape():
    schedule = WarmupDecay(peak=1.0, total=100, warmup=10, decay=20, shape="cosine")
    assert rates(schedule, 10, 50, 80, 90, 100) == pytest.approx([1, 1, 1, 0.5, 0])


def test_a_run_of_warm_up_alone_rises_to_its_end():
    assert rates(WarmupDecay(peak=1.0, total=4, warmup=4), 0, 1, 2, 3) == pytest.approx([0, 0.25, 0.5, 0.75])


def test_one_step_trains_at_the_peak():
    assert rates(WarmupDecay(peak=1.0, total=1, warmup=0), 0) == [1.0]


def test_a_whole_number_counts_steps_and_another_one_is_a_share():
    for warmup, steps in ((1, 1), (1.0, 200), (0.284, 57), (30, 30), (0, 0)):
        assert make_schedule("linear", peak=1.0, steps=200, warmup=warmup).warmup == steps


def test_large_steps_keep_their_precision():
    """A step is a float32 here, exact up to 2 ** 24."""
    schedule = WarmupDecay(peak=1.0, total=10_000_000, warmup=1_000_000)
    assert rates(schedule, 999_999, 5_500_000) == pytest.approx([0.999999, 0.5], rel=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_xla_compiles_it(name):
    import tensorflow as tf

    schedule = make_schedule(name, peak=1e-3, steps=50)
    compiled = tf.function(schedule, jit_compile=True)
    some = [0, 3, 5, 6, 30, 49, 50, 60]
    np.testing.assert_allclose(
        [float(compiled(tf.constant(step, "int64"))) for step in some], rates(schedule, *some), 1e-5
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: make_schedule("sine", peak=1.0, steps=10),
            "schedule is 'sine': use one of linear, polynomial, cosine, wsd",
        ),
        (
            lambda: make_schedule("linear", peak=1.0, steps=10, warmup=11),
            "11 steps of warm-up do not fit into a run of 10: use 0 to 10",
        ),
        (
            lambda: make_schedule("wsd", peak=1.0, steps=100, warmup=95),
            "10 steps of decay do not fit into a run of 100 behind 95 of warm-up: use 0 to 5",
        ),
        (lambda: WarmupDecay(peak=1.0, total=10, shape="round"), "shape is 'round': use one of straight, cosine"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message
