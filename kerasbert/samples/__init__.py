"""A small set of labelled sentences for trying kerasbert. README.md in this folder describes it."""
