"""Keras models: the encoder, the pre-training model, and one file per task."""
