"""Logits to answers, in NumPy. Models, evaluation and the runtime share these functions, so their answers agree."""
