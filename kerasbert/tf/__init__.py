"""What needs TensorFlow itself: operations that keras.ops lacks, tokenizers in the graph, tf.data, TFRecord files."""
