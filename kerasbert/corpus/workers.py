"""Sets up a local worker process. The module imports little, because it runs before TensorFlow is imported."""

import multiprocessing
import os
import threading

from kerasbert.quiet import quiet, set_level


def begin_worker() -> None:
    """Keeps a worker to one core and off the GPU, and ends it when its parent is killed, which no pool does."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    set_level("3")
    with quiet():
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.set_visible_devices([], "GPU")
