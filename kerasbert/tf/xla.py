"""Operations written so that XLA compiles them to fast code on a CPU."""

import tensorflow as tf
from tensorflow.compiler.tf2xla.python.xla import optimization_barrier


def linear(x, kernel):
    """`x @ kernel` with a faster gradient of the kernel: (..., in) and (in, out) -> (..., out).

    The gradient is `x^T @ dy`. Its first factor is read down its columns. If a width is a multiple of 1,024 floats, all
    elements of a column fall into one set of the cache, and the product runs at half speed (42 of 85 GFLOP/s on one
    core). The narrower factor is therefore transposed first. The barrier keeps XLA from undoing that.
    """
    wide, narrow = kernel.shape

    @tf.custom_gradient
    def product(x, kernel):
        def gradient(upstream):
            ours, theirs = tf.reshape(x, (-1, wide)), tf.reshape(upstream, (-1, narrow))
            if wide <= narrow:
                (columns,) = optimization_barrier(tf.transpose(ours))
                of_kernel = tf.matmul(columns, theirs)
            else:
                (columns,) = optimization_barrier(tf.transpose(theirs))
                of_kernel = tf.transpose(tf.matmul(columns, ours))
            of_x = tf.matmul(theirs, kernel, transpose_b=True)
            return tf.reshape(of_x, tf.shape(x)), of_kernel

        return tf.tensordot(x, kernel, 1), gradient

    return product(x, kernel)
