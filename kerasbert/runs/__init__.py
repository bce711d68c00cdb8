"""Whole jobs that read files and write a folder: fine-tuning, pre-training, the quickstart.

The guide is README.md in this folder.
"""
