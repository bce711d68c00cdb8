"""SavedModel folders, for TensorFlow Serving."""
