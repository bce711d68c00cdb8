"""The base class of sources of batches: batch k, all batches as NumPy arrays, or a tf.data.Dataset."""

from collections.abc import Iterator

import numpy as np

from kerasbert.errors import ConfigError

Batch = dict[str, np.ndarray]
OPEN_FILES = 256
"""How many files a source keeps open: a process may have 1024 as a rule, and a corpus more shards than that."""


class Stepwise:
    """A source that has `batch_size`, `steps_per_epoch` and `batch(step, shard=)`."""

    batch_size: int

    def part_of(self, shard: tuple[int, int]) -> slice:
        """Which rows of a batch are the i-th of n equal parts, of `shard` (i, n).

        Raises:
            ConfigError: the batch cannot be split so, or there is no such part.
        """
        number, count = shard
        if not 0 <= number < count:
            raise ConfigError(f"shard is {shard}: use (i, n) with i from 0 to n - 1")
        if self.batch_size % count:
            raise ConfigError(f"batch_size {self.batch_size} cannot be split over {count} workers; use a multiple")
        part = self.batch_size // count
        return slice(number * part, (number + 1) * part)

    def batches(self, start: int = 0, *, shard: tuple[int, int] = (0, 1)) -> Iterator[Batch]:
        """Batches `start`, `start + 1` and so on, without an end."""
        step = start
        while True:
            yield self.batch(step, shard=shard)
            step += 1

    def dataset(self, start: int = 0, *, shard: tuple[int, int] = (0, 1)):
        """`batches` as a tf.data.Dataset of fixed shapes, but for the lengths where there are buckets."""
        import tensorflow as tf  # NumPy and JAX do without

        lengths = len(getattr(self, "buckets", (1,)))
        signature = {
            name: tf.TensorSpec(
                values.shape if lengths == 1 else (values.shape[0], *[None] * (values.ndim - 1)), values.dtype
            )
            for name, values in self.batch(start, shard=shard).items()
        }
        batches = tf.data.Dataset.from_generator(lambda: self.batches(start, shard=shard), output_signature=signature)
        # Known to be endless, or several workers would ask each other in every step whether there is a batch.
        return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)).prefetch(4)
