"""The parity gate: every file of a bundle is compared with Keras."""
