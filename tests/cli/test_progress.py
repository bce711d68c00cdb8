"""The line of long work: how much is done, how fast, and the time left, in one form."""

import io
import sys
from types import SimpleNamespace

import pytest

from kerasbert import progress


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00 left"), (-1, "0:00 left"), (65.4, "1:05 left"), (3599.6, "1:00:00 left"), (90061, "25:01:01 left")],
)
def test_the_time_left_is_minutes_and_seconds_and_from_an_hour_on_hours(seconds, said):
    assert progress.time_left(seconds) == said


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time that the lines go by; `clock.now` sets it."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.now)
    return clock


def counted(monkeypatch, clock, stream, *, seconds: float) -> str:
    """What is shown of four steps of 25 texts, each of which takes some seconds."""
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.counted(100) as count:
        for _ in range(4):
            clock.now += seconds
            count.update(25)
    return stream.getvalue()


def test_a_terminal_has_one_line_which_stays(monkeypatch, clock):
    shown = counted(monkeypatch, clock, Terminal(), seconds=50).split("\r\x1b[K")
    assert shown[1] == "answering 25/100"
    assert shown[2] == "answering 50/100  0.5 texts/s  1:40 left"
    assert shown[-1] == "answering 100/100  0.5 texts/s  0:00 left\n"


def test_answers_that_come_together_count_from_the_end_of_those_before(monkeypatch, clock):
    """The first answer of a batch comes when the whole batch is computed, so it says nothing of the rate."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.counted(400) as count:
        for _ in range(2):
            clock.now += 30
            for _ in range(100):
                clock.now += 0.001
                count.update(1)
        clock.now += 5
        count.update(1)
        assert count.line.due(clock.now + 1)
    shown = sys.stderr.getvalue().split("\r\x1b[K")
    assert shown[1] == "answering 1/400"
    assert shown[2] == "answering 101/400  3.3 texts/s  1:30 left"


def test_a_line_that_was_there_for_a_moment_is_removed(monkeypatch, clock):
    assert counted(monkeypatch, clock, Terminal(), seconds=0.3).endswith("0:00 left\r\x1b[K")


def test_elsewhere_a_line_comes_every_20_seconds(monkeypatch, clock):
    assert counted(monkeypatch, clock, io.StringIO(), seconds=1) == ""
    assert counted(monkeypatch, clock, io.StringIO(), seconds=15).splitlines() == [
        "answering 50/100  1.7 texts/s  0:30 left",
        "answering 100/100  1.7 texts/s  0:00 left",
    ]
