"""Turns TensorFlow's errors during training into one-line errors of ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from kerasbert.errors import KerasBertError

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    FAILURES = (tf.errors.OpError,)
    LOST_WORKER = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)
else:
    FAILURES = ()


LESS_MEMORY = "raise --accumulate, or use --recompute or a smaller --batch-size"


@contextmanager
def explained(read_again: Callable[[], object], *, less_memory: str = LESS_MEMORY) -> Iterator[None]:
    """Within, what is wrong with data, memory or other workers raises an error of ours; other failures stay.

    Args:
        read_again: reads the batches that may have failed. TensorFlow hides an error of the input pipeline in text; a
            batch can be read again, and then raises the error itself.
        less_memory: what the user can do if there is too little memory.
    """
    try:
        yield
    except FAILURES as error:
        read_again()
        reason = error.message.splitlines()[0]
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise KerasBertError(f"out of memory ({reason}); {less_memory}") from None
        if isinstance(error, LOST_WORKER):
            raise KerasBertError(
                f"another worker does not answer ({reason}); start all of them again with --resume"
            ) from None
        raise
