"""The line that a person sees while a model trains."""

import io

import pytest

from kerasbert import progress as line_module
from kerasbert.progress import Count, Line


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so: `clock.now += 1`."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(line_module.time, "monotonic", lambda: Clock.now)
    return Clock


def show(line: Line, clock, *, seconds: float, texts) -> str:
    """What the stream has after a text every so many seconds, of which the last stays."""
    for text in texts:
        clock.now += seconds
        if line.due(clock.now):
            line.show(text)
    line.show("the last", last=True)
    return line.stream.getvalue()


def test_a_log_gets_a_line_every_so_many_seconds(clock):
    shown = show(Line(io.StringIO(), 20.0), clock, seconds=5.0, texts="abcdefghij")
    assert shown.splitlines() == ["d", "h", "the last"]


def test_a_terminal_line_is_rewritten_several_times_a_second(clock):
    shown = show(Line(Terminal()), clock, seconds=0.125, texts="abcdef")
    assert shown == "\r\x1b[Kb\r\x1b[Kd\r\x1b[Kf\r\x1b[Kthe last\n"


def test_a_terminal_line_is_cut_to_the_terminal_and_the_last_is_whole(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "5")
    shown = show(Line(Terminal()), clock, seconds=1.0, texts=["step 1/100"])
    assert shown == "\r\x1b[Kstep\r\x1b[Kthe last\n"


def test_work_that_knows_its_amount_tells_how_much_there_is(clock):
    count = Count(100, "reading", "tokens")
    count.reach(20, 50)
    count.reach(50, 50)
    assert count._text(clock.now + 1).startswith("reading 50/50")
