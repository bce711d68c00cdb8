"""Training: the train step, optimizers, learning rates, recipes, devices and progress.

It knows models and batches only, and nothing of tasks, files or folders.
"""
