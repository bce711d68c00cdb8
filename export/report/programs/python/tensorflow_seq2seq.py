import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
found = model(text=tf.constant([__TEXTS__]))  # the likeliest token each time
print(found["generated_text"][0].numpy().decode())
