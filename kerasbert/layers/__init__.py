"""The mathematics of BERT as Keras layers, in `keras.ops`, so that they run on TensorFlow and on JAX.

On the TensorFlow backend five files take faster operations from `kerasbert.tf`.

Letters in comments: B batch, T tokens, D hidden size, N heads, H head size, M masked positions, V vocabulary.
"""
