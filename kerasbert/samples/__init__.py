"""A small set of labelled sentences, for first tries. README.md in this folder describes it."""
