from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

question = __QUESTION__
context = __CONTEXT__
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
found = model(question=tf.constant([question]), context=tf.constant([context]))
output = {name: values[0].numpy() for name, values in found.items()}
words = output["words"].tolist()  # -1: [CLS] or [SEP], which stand around both texts
texts = [None if word < 0 else words[:at].count(-1) - 1 for at, word in enumerate(words)]
row = SimpleNamespace(offsets=output["offsets"].tolist(), word_ids=words, sequence_ids=texts)
rows, outputs, step = [row], [output], 0  # of a long context, its beginning

__END__
