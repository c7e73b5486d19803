"""Python lambdas in files: code, marshalled by Keras. They are made only for callers who vouch for the file."""

from __future__ import annotations

import base64
import builtins
import marshal
import types
from typing import Any

from triceras.core import objects
from triceras.core.errors import FileFormatError

_REMEDY = "load with custom_objects={name: function}, or save the model again with a registered function"
_WHAT = f"a Python lambda, and code in files is never run unasked ({_REMEDY})"


def function_from_code(code: Any, defaults: Any = None, closure: Any = None) -> types.FunctionType:
    """A function from its marshalled code.

    What it finds as globals are Python's builtins and the ``custom_objects`` of the load: ``custom_objects={"np": numpy}`` lets
    it say ``np.abs(x)``.

    Args:
        code: base64 of its code object, marshalled by the same version of Python.
        defaults: the values of its last parameters.
        closure: the values of its free variables.

    Raises:
        UnsafeFileError: the file is being read in safe mode.
        FileFormatError: it is no code of this version of Python.
    """
    objects.require_trust(_WHAT)
    try:
        found = marshal.loads(base64.b64decode(code))
        cells = tuple(types.CellType(value) for value in closure or ())
        known = {"__builtins__": builtins, **objects.custom_objects_in_scope()}
        return types.FunctionType(found, known, found.co_name, tuple(defaults or ()), cells)
    except (ValueError, TypeError, EOFError, AttributeError) as error:
        raise FileFormatError(
            f"The file holds a Python lambda that this version of Python can't read: {error}. Use the version it was saved "
            f"with, or {_REMEDY}."
        ) from error


def _decode(config: Any) -> types.FunctionType:
    objects.require_trust(_WHAT)
    if "value" in config:
        value = config["value"]
        return function_from_code(*(value if isinstance(value, list) else [value]))
    return function_from_code(config["code"], config.get("defaults"), config.get("closure"))


objects.DECODERS["__lambda__"] = _decode
