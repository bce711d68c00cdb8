"""How fast and large the files of a bundle are."""
