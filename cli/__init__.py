"""The command line. Each command is one file: it reads the options, calls one function and prints the result.

The commands are listed in `cli/README.md`, which is generated from their help pages.
"""
