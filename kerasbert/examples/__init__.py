"""Reads CSV, TSV and JSON lines, with or without labels, and plain text without labels, as the examples of a task."""
