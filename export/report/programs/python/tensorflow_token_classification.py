from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
answers = model(text=tf.constant([__TEXT__]))  # of a long text, those of its beginning
answer = {name: values[0].numpy() for name, values in answers.items()}
output = answer["__OUTPUT__"]
encoding = SimpleNamespace(
    offsets=answer["offsets"].tolist(),
    word_ids=[None if word < 0 else word for word in answer["words"]],
)
__END__
