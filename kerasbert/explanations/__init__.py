"""Explains an answer: what each token of the text contributes to it, and what attends to what (`kerasbert.explain`)."""
