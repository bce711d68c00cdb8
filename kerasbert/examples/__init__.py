"""Files of labelled text, read as the examples of a task: one reader per file format."""
