"""TFLite files with metadata, for MediaPipe and the Task Library."""
