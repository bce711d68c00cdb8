"""Figures that compare answers with the truth, such as accuracy. Each file imports the library of its metric when it is
called, so that a model without that metric does not load it."""
