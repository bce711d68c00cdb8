"""The learning rate at every corner of its two lines."""

import keras
import numpy as np
import pytest

from kerasbert.training.schedules import LinearWarmup


def rates(schedule, *steps):
    return [float(schedule(step)) for step in steps]


def test_up_from_zero_to_the_peak_and_down_to_zero():
    schedule = LinearWarmup(peak=2.0, total=110, warmup=10)
    assert rates(schedule, 0, 1, 5, 10, 35, 60, 110) == pytest.approx([0, 0.2, 1.0, 2.0, 1.5, 1.0, 0.0])


def test_it_stays_at_the_end_when_training_goes_on():
    assert rates(LinearWarmup(peak=1.0, total=10, warmup=2, end=0.25), 10, 11, 10_000) == pytest.approx([0.25] * 3)


def test_the_last_line_ends_at_the_end_rate():
    assert rates(LinearWarmup(peak=1.0, total=8, warmup=0, end=0.2), 0, 4, 8) == pytest.approx([1.0, 0.6, 0.2])


def test_without_warm_up_the_first_step_has_the_peak():
    assert rates(LinearWarmup(peak=3.0, total=6), 0, 3, 6) == pytest.approx([3.0, 1.5, 0.0])


def test_a_run_of_warm_up_alone_rises_to_its_end():
    assert rates(LinearWarmup(peak=1.0, total=4, warmup=4), 0, 1, 2, 3) == pytest.approx([0, 0.25, 0.5, 0.75])


def test_one_step_trains_at_the_peak():
    assert rates(LinearWarmup(peak=1.0, total=1, warmup=0), 0) == [1.0]


def test_it_is_the_formula_of_two_lines():
    peak, total, warmup, end = 5e-5, 333, 33, 1e-6
    steps = np.arange(total + 1)
    expected = np.interp(steps, [0, warmup, total], [0, peak, end])
    np.testing.assert_allclose(
        rates(LinearWarmup(peak=peak, total=total, warmup=warmup, end=end), *steps), expected, 1e-5
    )


def test_large_steps_keep_their_precision():
    """A step is a float32 here, exact up to 2 ** 24."""
    schedule = LinearWarmup(peak=1.0, total=10_000_000, warmup=1_000_000)
    assert rates(schedule, 999_999, 5_500_000) == pytest.approx([0.999999, 0.5], rel=1e-6)


def test_it_survives_saving_with_its_model():
    schedule = LinearWarmup(peak=1e-3, total=100, warmup=7, end=1e-6)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert isinstance(again, LinearWarmup)
    assert again.get_config() == {"peak": 1e-3, "total": 100, "warmup": 7, "end": 1e-6}
