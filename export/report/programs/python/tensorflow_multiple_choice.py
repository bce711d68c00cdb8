import numpy as np
import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

prompt = __PROMPT__
choices = [__CHOICES__]
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
found = model(prompt=tf.constant([prompt]), choices=tf.constant([choices]))
outputs = [{"__OUTPUT__": [logit]} for logit in found["__OUTPUT__"][0].numpy()]
__END__
