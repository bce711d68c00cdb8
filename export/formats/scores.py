"""Scores in exported files, from a model's numbers."""

import tensorflow as tf

SCORES = {"choice": tf.nn.softmax, "choices": tf.nn.sigmoid, "number": tf.identity}
"""Kind of an output's numbers (`kerasbert.tasks.task.Output.bar`) -> the function that gives the scores people see."""
