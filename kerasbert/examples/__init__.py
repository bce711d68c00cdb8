"""Reads CSV, TSV, JSON lines and CoNLL, with labels or without, and plain text, as the examples of a task."""
