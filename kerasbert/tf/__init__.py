"""Everything that needs TensorFlow itself: operations that `keras.ops` lacks, tokenizers in the graph, `tf.data`
pipelines and TFRecord files."""
