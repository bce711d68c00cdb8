"""What native libraries print is dropped for a while, and never for good."""

import os
import threading
from contextlib import ExitStack

from kerasbert.quiet import quiet


def where() -> str:
    return os.readlink("/proc/self/fd/2")


def test_blocks_may_end_in_any_order(capfd):
    before = where()
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        blocks = [ExitStack() for _ in order]
        for block in blocks:
            block.enter_context(quiet())
            assert where() == "/dev/null"
        for number in order[:-1]:
            blocks[number].close()
            assert where() == "/dev/null"
        blocks[order[-1]].close()
        assert where() == before
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_threads_restore_stderr_between_them():
    before, opened = where(), len(os.listdir("/proc/self/fd"))

    def turns():
        for _ in range(200):
            with quiet():
                pass

    threads = [threading.Thread(target=turns) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert where() == before
    assert len(os.listdir("/proc/self/fd")) == opened
