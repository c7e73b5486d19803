"""Runs the command that is asked for, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from triceras.cli import convert, info, inspection, predict
from triceras.core.errors import BackendError

#: Name -> module: its docstring is the help, ``ARGUMENTS`` go to ``argparse``, ``run`` returns the exit code.
COMMANDS: dict[str, ModuleType] = {"info": info, "inspect": inspection, "convert": convert, "predict": predict}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as those of the commands are."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what stands behind ``triceras`` on the command line; that of the process by default.

    Returns:
        The exit code: 0; 1 where two files differ; 2 after an error, which is one line on standard error; 130 after Ctrl-C.

    Example:
        >>> import contextlib, io
        >>> with contextlib.redirect_stderr(io.StringIO()) as error:
        ...     code = main(["inspect", "nowhere.keras"])
        >>> code, error.getvalue()
        (2, 'triceras inspect: There is no file nowhere.keras.\\n')
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notices would stand among the errors
    parser = _Parser(prog="triceras", description="Work with models and their files.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text, style = str(command.__doc__), argparse.RawDescriptionHelpFormatter
        one = subparsers.add_parser(name, help=text.partition("\n")[0], description=text, formatter_class=style)
        for names, options in command.ARGUMENTS.items():
            one.add_argument(*names.split(), **options)
    given = parser.parse_args(arguments)
    try:
        code = COMMANDS[given.command].run(given)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever reads has enough, as `head`; Python's own flush at the end would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError, ImportError, MemoryError, RecursionError, BackendError) as error:
        print(f"triceras {given.command}: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return 2
