"""Raw text becomes rows for pre-training, in one process or on a cluster, with the same bytes.

`pipelines.prepare` writes a folder of prepared data, and `batches.PretrainingData` reads it as batches. The guide is
README.md in this folder.
"""
