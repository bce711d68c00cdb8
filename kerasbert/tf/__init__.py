"""TensorFlow code that other rooms share: operations that `keras.ops` lacks, the tokenizer in the graph, the engine of
files that take texts, `tf.data` pipelines and TFRecord files."""
