"""Texts under a strategy of tf.distribute, in a process of its own: devices come before TensorFlow."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_two_replicas_give_what_one_gives(tiny_bert, tmp_path):
    code = """if True:
        import sys
        import keras
        import numpy as np
        import tensorflow as tf
        import kerasbert as kb

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        texts = ["good", "a long day in the room", "bad film", "cold", "warm and kind"]
        labels = ["b", "a", "a", "a", "b"]
        data = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(4)

        def found(strategy):
            keras.utils.set_random_seed(0)
            with strategy.scope():
                model = kb.TextClassifier.from_pretrained(sys.argv[1], labels=["a", "b"], max_length=16)
                model.compile()
            numbers = [model.predict(texts, verbose=0), model.predict(data, verbose=0), model.predict_logits(texts)]
            numbers += [model.evaluate(texts, labels, batch_size=4, verbose=0), model.evaluate(data, verbose=0)]
            model.fit(texts[:4], labels[:4], batch_size=4, verbose=0)
            return numbers

        one = found(tf.distribute.get_strategy())
        two = found(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
        print(max(np.abs(np.subtract(a, b)).max() for a, b in zip(one, two)))
    """
    done = subprocess.run([sys.executable, "-c", code, tiny_bert], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) < 1e-5
