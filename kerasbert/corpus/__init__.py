"""Raw text becomes rows for pre-training."""
