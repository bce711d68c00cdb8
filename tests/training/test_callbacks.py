"""What a person sees while a model trains."""

import io
import re

import keras
import numpy as np
import pytest

from kerasbert.errors import KerasBertError
from kerasbert.training import callbacks
from kerasbert.training.callbacks import FiniteLoss, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so: `clock.now += 1`."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(callbacks.time, "monotonic", lambda: Clock.now)
    return Clock


def run(progress, clock, *, epochs, steps, seconds, first=0, validation=0.0, compiling=0.0):
    """The calls that Keras makes, a step every so many seconds."""
    progress.set_params({"epochs": epochs, "steps": steps, "verbose": 0})
    progress.on_train_begin()
    clock.now += compiling
    for epoch in range(first, epochs):
        progress.on_epoch_begin(epoch)
        for batch in range(steps):
            clock.now += seconds
            progress.on_train_batch_end(batch, {"accuracy": 0.5, "loss": 1 / (batch + 1)})
        clock.now += validation
        progress.on_epoch_end(epoch, {"accuracy": 0.75, "loss": 0.25})


def test_a_log_gets_a_line_every_so_many_seconds_and_one_an_epoch(clock):
    stream = io.StringIO()
    run(Progress(100, seconds=20, stream=stream), clock, epochs=2, steps=10, seconds=5.0)
    assert stream.getvalue().splitlines() == [
        "epoch 1/2  step 4/10  2 texts/s  1:20 left  accuracy 0.5000  loss 0.2500",
        "epoch 1/2  step 8/10  2 texts/s  1:00 left  accuracy 0.5000  loss 0.1250",
        "epoch 1/2  50 s  accuracy 0.7500  loss 0.2500",
        "epoch 2/2  step 2/10  2 texts/s  0:40 left  accuracy 0.5000  loss 0.5000",
        "epoch 2/2  step 6/10  2 texts/s  0:20 left  accuracy 0.5000  loss 0.1667",
        "epoch 2/2  step 10/10  2 texts/s  0:00 left  accuracy 0.5000  loss 0.1000",
        "epoch 2/2  100 s  accuracy 0.7500  loss 0.2500",
    ]


def test_the_first_step_with_its_compilation_does_not_spoil_the_speed(clock):
    stream = io.StringIO()
    run(Progress(100, seconds=20, stream=stream), clock, epochs=1, steps=10, seconds=5.0, compiling=300.0)
    assert stream.getvalue().startswith("epoch 1/1  step 2/10  2 texts/s  0:40 left")
    assert "epoch 1/1  350 s" in stream.getvalue()


def test_validation_counts_for_the_time_left_but_not_for_the_rate(clock):
    stream = io.StringIO()
    run(Progress(100, seconds=10, stream=stream), clock, epochs=2, steps=10, seconds=1.0, validation=10.0)
    line = next(line for line in stream.getvalue().splitlines() if "step 1/10" in line)
    assert line.startswith("epoch 2/2  step 1/10  10 texts/s  0:18 left")  # 20 s for one epoch, 0.9 to go


def test_a_run_that_goes_on_at_a_later_epoch_counts_its_own_time(clock):
    stream = io.StringIO()
    run(Progress(100, seconds=10, stream=stream), clock, epochs=4, steps=10, seconds=2.0, first=2)
    assert stream.getvalue().startswith("epoch 3/4  step 5/10  5 texts/s  0:30 left")


def test_a_terminal_line_is_rewritten_several_times_a_second(clock):
    stream = Terminal()
    run(Progress(100, stream=stream), clock, epochs=1, steps=10, seconds=0.125)
    lines = stream.getvalue().split("\r\x1b[K")
    assert lines[0] == ""
    assert [line.split("  ")[1] for line in lines[1:]] == [
        "step 2/10",
        "step 4/10",
        "step 6/10",
        "step 8/10",
        "step 10/10",
        "1 s",
    ]
    assert [line.endswith("\n") for line in lines[1:]] == [False] * 5 + [True]


def test_a_terminal_line_is_cut_to_the_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    run(Progress(100, stream=stream), clock, epochs=1, steps=2, seconds=1.0)
    live, last = stream.getvalue().split("\r\x1b[K")[1:]
    assert live == "epoch 1/1  step 2/2  50 texts"
    assert last == "epoch 1/1  2 s  accuracy 0.7500  loss 0.2500\n"  # stays, whole


def test_keras_calls_it_with_what_it_needs():
    stream = io.StringIO()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 3), "float32")
    model.fit(x, x[:, :1], epochs=2, batch_size=2, verbose=0, callbacks=[Progress(8, seconds=0, stream=stream)])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 * (4 + 1) - 1
    assert lines[0].startswith("epoch 1/2  step 2/4  ")
    assert re.fullmatch(r"epoch 2/2  \d+ s  loss \d+\.\d{4}", lines[-1])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_no_number_ends_the_run(value):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.array([[1.0], [2.0], [value], [3.0]], "float32")
    with pytest.raises(
        KerasBertError, match=r"the loss became (nan|inf) in step 3, epoch 1; try a tenth of the learning"
    ):
        model.fit(x, x, epochs=2, batch_size=1, shuffle=False, verbose=0, callbacks=[FiniteLoss()])
