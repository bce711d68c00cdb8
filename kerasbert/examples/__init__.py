"""Files of labelled text, read as examples."""
