"""The figures of each epoch as a row of a file."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from triceras.callbacks.callback import Callback

#: What stands for a figure that an epoch doesn't have.
MISSING = "NA"


class CSVLogger(Callback):
    """Writes the figures of each epoch to a CSV file, a line an epoch, there as soon as the epoch has ended.

    The columns are ``epoch``, the figures of the first epoch in alphabetical order, and where it had none of validation
    the same with ``val_`` before them. A figure that an epoch lacks is ``NA``; an array is written in brackets.

    Args:
        filename: the file.
        separator: what stands between columns, one character.
        append: whether to add to a file that is there, whose header stays, rather than to begin anew.

    Example:
        >>> from triceras import callbacks
        >>> callbacks.CSVLogger("log.csv", separator=";").separator
        ';'
    """

    writes_files = True

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: Any = None
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._close()
        header = self._header() if self.append else None
        # With the header a file says what its columns are, whichever figures this run begins with.
        self.keys = None if header is None else header[1:]
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._writer = csv.writer(self._file, delimiter=self.separator)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        if self._writer is None:
            raise ValueError("CSVLogger has no open file: pass it to fit(), or call on_train_begin() first.")
        if self.keys is None:
            keys = sorted(logs)
            validated = any(key.startswith("val_") for key in keys)
            self.keys = keys if validated else [*keys, *(f"val_{key}" for key in keys)]
            self._writer.writerow(["epoch", *self.keys])
        self._writer.writerow([epoch, *(_written(logs.get(key, MISSING)) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._close()

    def _header(self) -> list[str] | None:
        """The first line of the file, or None where there is none."""
        if not os.path.exists(self.filename):
            return None
        with open(self.filename, newline="", encoding="utf-8") as file:
            return next(csv.reader(file, delimiter=self.separator), None)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


def _written(value: Any) -> Any:
    """A number or a text as it is; of an array its elements, in brackets."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f"[{', '.join(str(v) for v in np.asarray(value).tolist())}]"
