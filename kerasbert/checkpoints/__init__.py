"""Checkpoints of other tools, read and written. The name maps are data, in `names.py`."""
