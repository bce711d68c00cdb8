import tensorflow as tf
import tensorflow_text  # registers the operations of the tokenizer

example = __EXAMPLE__
model = tf.saved_model.load("__FILE__").signatures["__VERB__"]
found = model(**{name: tf.constant([text]) for name, text in example.items()})
outputs = [{name: values[0].numpy() for name, values in found.items()}]
__END__
