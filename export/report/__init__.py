"""The page that describes a bundle, and the programs that run its files."""
