"""Whole jobs: files in, a folder out."""
