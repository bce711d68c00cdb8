import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

example = __EXAMPLE__
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
answer = model(**{name: tf.constant([text]) for name, text in example.items()})
print(answer["__OUTPUT__"].numpy())
