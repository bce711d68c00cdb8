from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

sentences = [__SENTENCES__]  # of a text
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
found = model(source=tf.constant([sentences]))  # of a long text, for its beginning
scores = found["sentence_scores"][0].numpy()
outputs = [{"__OUTPUT__": np.log(scores / (1 - scores))}]
spans = [slice(number, number + 1) for number in range(len(sentences))]
rows = [SimpleNamespace(spans=spans)]

__END__
