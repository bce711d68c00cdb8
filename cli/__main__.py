"""`python -m kerasbert.cli` runs the command where its script is not on the path."""

from kerasbert.cli.main import main

main(prog_name="kerasbert")
