"""The parity gate: it compares every file of a bundle with the Keras model."""
