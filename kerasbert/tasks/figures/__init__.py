"""Figures that compare answers with the truth. Each file imports the library of its metric when it is asked."""
