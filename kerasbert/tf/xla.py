"""Spellings that XLA compiles better on a CPU, where it does not find the fast way to a matrix product by itself."""

import tensorflow as tf
from tensorflow.compiler.tf2xla.python.xla import optimization_barrier


def linear(x, kernel):
    """`x @ kernel`: (..., in) and (in, out) -> (..., out), with a faster gradient of the kernel.

    That is `x^T @ dy`, whose first factor is read down its columns. Where a width is a multiple of 1,024 floats these
    all fall into one set of the cache, and the product runs at half speed (42 of 85 GFLOP/s on one core). So the
    narrower factor is first laid out as the product reads it; the barrier keeps XLA from undoing that.
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
