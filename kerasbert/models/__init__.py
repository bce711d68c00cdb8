"""Layers assembled: the encoder, and one file a task."""
