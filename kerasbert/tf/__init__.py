"""Everything that needs TensorFlow itself: operations that `keras.ops` lacks, tokenizers in the graph, the engine
of files that take texts, `tf.data` pipelines and TFRecord files."""
