"""Figures that compare answers with the truth, such as accuracy. A file imports the library of its metric only when it
is called."""
