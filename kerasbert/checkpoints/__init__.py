"""Checkpoints, read and written strictly. The names of tensors are data, in `names.py`.

`opening.open_checkpoint(path)` reads the header of a folder; `Checkpoint.load_into(model)` then copies the weights.
"""
