"""Writes TensorBoard's event files."""

from pathlib import Path

import tensorflow as tf

from kerasbert.errors import KerasBertError


class EventFile:
    """An event file for TensorBoard. It is created with the first figures.

    Args:
        folder: the folder of the file, created when it is needed.
    """

    def __init__(self, folder: Path):
        self.folder, self.writer = folder, None

    def write(self, step: int, figures: dict[str, float]) -> None:
        """Adds the figures of a step.

        Raises:
            KerasBertError: the file cannot be written.
        """
        summary = tf.compat.v1.Summary()  # `tf.summary.scalar` would need TensorBoard itself
        for name, value in figures.items():
            summary.value.add(tag=name, simple_value=value)
        try:
            if self.writer is None:
                self.writer = tf.summary.create_file_writer(str(self.folder))
            with self.writer.as_default():
                tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)
            self.writer.flush()
        except tf.errors.OpError as error:  # a full disk raises ResourceExhaustedError, as full memory does
            reason = error.message.splitlines()[0].rpartition("; ")[2]
            raise KerasBertError(f"{self.folder}: writing failed ({reason})") from None
