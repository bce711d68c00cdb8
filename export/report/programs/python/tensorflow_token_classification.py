from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

text = __TEXT__
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
found = model(text=tf.constant([text]))  # of a long text, for its beginning
output = {name: values[0].numpy() for name, values in found.items()}
words = [None if word < 0 else word for word in output["words"]]
rows, outputs = [SimpleNamespace(offsets=output["offsets"].tolist(), word_ids=words)], [output]

__END__
