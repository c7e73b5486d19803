"""The command ``triceras``: what can be done with models and their files without writing a program."""

from triceras.cli.program import main

__all__ = ["main"]
