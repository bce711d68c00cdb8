"""The line on stderr that shows how far a long run is."""

import shutil
import time


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
