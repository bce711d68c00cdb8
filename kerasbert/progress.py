"""The line of a long run on the terminal, and how it says the time that is left."""

import shutil
import time


def time_left(seconds: float) -> str:
    """A time in minutes and seconds, such as "1:05 left", or from an hour on "2:01:05 left"."""
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d} left" if hours else f"{minutes}:{seconds:02d} left"


class Line:
    """The line of a long run, rewritten several times per second on a terminal; elsewhere a new one every `seconds`."""

    def __init__(self, stream, seconds: float = 20.0):
        self.stream, self.live = stream, stream.isatty()
        self.seconds = 0.2 if self.live else seconds
        self.shown = time.monotonic()

    def due(self, now: float) -> bool:
        """Whether it is time for the next one."""
        return now - self.shown >= self.seconds

    def show(self, text: str, *, last: bool = False) -> None:
        """Args: last: stays on the terminal."""
        if not last:
            self.shown = time.monotonic()
        if self.live and not last:  # a line that wraps could not be rewritten
            text = text[: shutil.get_terminal_size().columns - 1]
        end = "" if self.live and not last else "\n"
        print(("\r\x1b[K" if self.live else "") + text, end=end, file=self.stream, flush=True)
