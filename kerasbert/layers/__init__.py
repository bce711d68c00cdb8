"""The mathematics of BERT as Keras layers. They use `keras.ops` only, so they run on TensorFlow and on JAX.

Letters in comments: B batch, T tokens, D hidden size, N heads, H head size, M masked positions, V vocabulary.
"""
