"""Dtype names, and the one lattice by which every op promotes its inputs.

The lattice is JAX's (https://docs.jax.dev/en/latest/jep/9407-type-promotion.html): the join of two dtypes is the lowest one
above both. Python scalars are weak: they sit at ``int*`` and ``float*``, below every dtype of their kind.
"""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np

from triceras.core import settings

WEAK = {bool: "bool", int: "int*", float: "float*", complex: "complex*"}

#: For each dtype the ones directly above it.
LATTICE: dict[str, tuple[str, ...]] = {
    "bool": ("int*",),
    "int*": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float*",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float*",),
    "float*": ("complex*", "bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex*": ("complex64",),
    "complex64": ("complex128",),
    "complex128": (),
}
#: What to do with strings where numbers are needed, for errors.
STRINGS_AS_NUMBERS = "map strings to numbers first, with StringLookup, TextVectorization or NumPy"
FLOAT8 = ("float8_e4m3fn", "float8_e5m2")
BOOLEAN = ("bool",)
SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
INTEGERS = SIGNED + UNSIGNED
FLOATS = ("bfloat16", "float16", "float32", "float64", *FLOAT8)
COMPLEX = ("complex64", "complex128")
ALLOWED = frozenset((*BOOLEAN, *INTEGERS, *FLOATS, *COMPLEX, "string"))

_ALIASES: dict[Any, str] = {
    bool: "bool",
    int: "int32",
    str: "string",
    "int": "int32",
    "half": "float16",
    "double": "float64",
    "cfloat": "complex64",
    "complex": "complex64",
}
_NUMPY = {name: np.dtype(getattr(ml_dtypes, name)) for name in ("bfloat16", *FLOAT8)}
_NUMPY |= {name: np.dtype(name) for name in (*BOOLEAN, *INTEGERS, "float16", "float32", "float64", *COMPLEX)}
_known: dict[Any, str] = {}


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype given as a name, a Python or NumPy type, or a dtype of any framework.

    Args:
        dtype: what to name; None is ``config.floatx()``.

    Returns:
        One of the names in ``ALLOWED``.

    Raises:
        ValueError: there is no such dtype.

    Example:
        >>> standardize_dtype(np.float32)
        'float32'
    """
    # Compared as strings only: NumPy's dtype of 64 bits equals "float".
    if dtype is None or dtype is float or (type(dtype) is str and dtype == "float"):
        return settings.floatx()
    try:
        return _known[dtype]
    except KeyError:
        name = _known[dtype] = _name_of(dtype)
        return name
    except TypeError as error:
        raise ValueError(f"Not a dtype: {dtype!r}.") from error


def _name_of(dtype: Any) -> str:
    name = _ALIASES.get(dtype)
    if name is None and isinstance(dtype, str):
        name = dtype
    if name is None and type(dtype).__module__.startswith("torch"):
        name = str(dtype).removeprefix("torch.")
    if name is None:
        name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    name = _ALIASES.get(name, name)
    if name.startswith(("str", "object", "bytes")):
        name = "string"
    if name not in ALLOWED:
        raise ValueError(f"Unknown dtype {dtype!r}. Expected one of: {', '.join(sorted(ALLOWED))}.")
    return name


def numpy_dtype(dtype: Any) -> np.dtype:
    """The NumPy dtype of a dtype's name; bfloat16 and float8 come from ml_dtypes."""
    return _NUMPY[standardize_dtype(dtype)]


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is a floating one."""
    return standardize_dtype(dtype) in FLOATS


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is an integer one, signed or not."""
    return standardize_dtype(dtype) in INTEGERS


def is_complex_dtype(dtype: Any) -> bool:
    """Whether a dtype is a complex one."""
    return standardize_dtype(dtype) in COMPLEX


def real_dtype(dtype: Any) -> str:
    """The dtype of the real part of a complex dtype; any other dtype itself."""
    name = standardize_dtype(dtype)
    return {"complex64": "float32", "complex128": "float64"}.get(name, name)


@functools.cache
def _above(name: str) -> frozenset[str]:
    return frozenset({name}).union(*(_above(upper) for upper in LATTICE[name]))


@functools.cache
def _join(names: frozenset[str]) -> str:
    bounds = frozenset.intersection(*(_above(name) for name in names))
    return next(bound for bound in bounds if bounds <= _above(bound))


def result_type(*dtypes: Any) -> str:
    """The dtype of an operation over inputs of the given dtypes.

    Args:
        dtypes: dtypes or their names; the Python types ``int``, ``float`` and ``bool`` count as weak scalars.

    Returns:
        The join in the lattice; a weak result becomes ``int32``, ``config.floatx()`` or ``complex64``.

    Example:
        >>> result_type("bfloat16", float)
        'bfloat16'
    """
    return _result_type(dtypes, settings.floatx())


@functools.lru_cache(maxsize=4096)
def _result_type(dtypes: tuple[Any, ...], floatx: str) -> str:
    if not dtypes:
        return floatx
    names = frozenset(WEAK[d] if isinstance(d, type) and d in WEAK else standardize_dtype(d) for d in dtypes)
    if len(names) == 1 and (only := next(iter(names))) in ALLOWED:
        return only
    for name in names:
        if name not in LATTICE:
            remedy = STRINGS_AS_NUMBERS if "string" in names else "cast explicitly with ops.cast()"
            raise ValueError(f"Cannot promote {name} implicitly with {sorted(names)}: {remedy}.")
    joined = _join(names)
    return {"int*": "int32", "float*": floatx, "complex*": "complex64"}.get(joined, joined)
