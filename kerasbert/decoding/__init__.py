"""Logits to answers, in NumPy only: models, evaluation and the runtime decode with the same functions."""
