import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
print(model(text=tf.constant([__TEXT__]))["__OUTPUT__"].numpy()[0])  # one vector per token
