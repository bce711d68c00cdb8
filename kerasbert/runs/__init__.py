"""Whole jobs that read files and write a folder: fine-tuning, pre-training, the quickstart; and the facts that
`kerasbert inspect` prints.

The guide is README.md in this folder.
"""
