"""The mathematics of BERT in `keras` and `keras.ops` only: the same code runs on TensorFlow and on JAX.

Letters in comments: B batch, T tokens, D hidden size, N heads, H head size, M masked positions, V vocabulary.
"""
