from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

sentences = [__SENTENCES__]  # of a text
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
found = model(source=tf.constant([sentences]))
if found["truncated"][0]:
    raise SystemExit("it reads one row of __MAX_LENGTH__ tokens: give fewer sentences")
numbers = [number for number, text in enumerate(sentences) if text.strip()]
scores = found["sentence_scores"][0].numpy()[numbers]
outputs = [{"__OUTPUT__": np.log(scores / (1 - scores))}]
rows = [SimpleNamespace(context=lambda place: 0, span=lambda place: slice(place, place + 1))]

__END__
