"""Converts logits to scores, in NumPy. Tasks, the runtime and the parity gate use the same functions."""
