"""Functions made from functions: forward derivatives and maps over every leading axis."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.ops import core
from triceras.ops.control import backend_of, native_tensors, vectorized_map
from triceras.ops.dispatch import recorded
from triceras.ops.shape import broadcast_to, reshape


@recorded(takes_functions=True)
def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """A function's value and its derivative in a direction: the product of its Jacobian with a vector.

    Args:
        fun: a function of tensors, or of structures of them.
        primals: its arguments, a tuple or list.
        tangents: the direction: as many, of the same structures and shapes.
        has_aux: whether ``fun`` returns a pair, the second of which isn't differentiated.

    Returns:
        ``(value, derivative)``, both of the structure that ``fun`` returns, and with ``has_aux`` its second result.

    Raises:
        ValueError: the tangents don't fit the primals.
        UnsupportedError: the backend doesn't differentiate.

    Example:
        >>> value, derivative = jvp(lambda x: x * x, (convert_to_tensor(3.0),), (convert_to_tensor(1.0),))
        >>> convert_to_numpy(derivative).item()
        6.0
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, list | tuple):
            raise TypeError(f"jvp() takes its {name} as a tuple or a list, one for each argument, received {given!r}.")
    backend = backend_of("jvp", primals, tangents)
    primals, tangents = native_tensors(backend, tuple(primals)), native_tensors(backend, tuple(tangents))
    shapes = [[tuple(core.shape(x)) for x in tree.flatten(given)] for given in (primals, tangents)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"jvp() needs tangents of the primals' shapes {shapes[0]}, received {shapes[1]}.")
    tangents = tree.map_structure(lambda x, t: backend.cast(t, backend.dtype_of(x)), primals, tangents)
    with registry.use(backend):
        return tuple(backend.table["jvp"](fun, primals, tangents, has_aux))


# ---- vectorize -------------------------------------------------------------------------------------------------------

_CORE = r"\((?:\w+(?:,\w+)*)?\)"
_SIGNATURE = re.compile(f"{_CORE}(?:,{_CORE})*->{_CORE}(?:,{_CORE})*")


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None) -> Callable[..., Any]:
    """A function of small tensors as one of large ones, whose leading axes broadcast, computed all at once.

    Args:
        pyfunc: takes tensors and looks at no values; numbers by default, or what ``signature`` says.
        excluded: positions and names of arguments that are passed as they are.
        signature: the axes that ``pyfunc`` takes and returns, as in ``"(m,n),(n)->(m)"``.

    Returns:
        A function of the same arguments.

    Raises:
        ValueError: the signature can't be read.

    Example:
        >>> dot = vectorize(lambda a, b: sum(a * b), signature="(n),(n)->()")
        >>> shape(dot(ones((4, 3)), ones((5, 1, 3))))
        (5, 4)
    """
    if signature is not None and not _SIGNATURE.fullmatch(signature.replace(" ", "")):
        raise ValueError(f'vectorize() needs a signature like "(m,n),(n)->(m)", received {signature!r}.')
    left_out = frozenset(excluded or ())

    @functools.wraps(pyfunc)
    def call(*args: Any, **kwargs: Any) -> Any:
        mapped: dict[Any, Any] = {i: x for i, x in enumerate(args) if i not in left_out}
        mapped |= {name: x for name, x in kwargs.items() if name not in left_out and signature is None}

        def function(*values: Any) -> Any:
            given = dict(zip(mapped, values, strict=True))
            positional = [given.get(i, x) for i, x in enumerate(args)]
            return pyfunc(*positional, **(kwargs | {k: v for k, v in given.items() if isinstance(k, str)}))

        return vectorized_call(function, list(mapped.values()), signature)

    return call


@recorded(takes_functions=True)
def vectorized_call(function: Callable[..., Any], values: Sequence[Any], signature: str | None) -> Any:
    """The call of a function that ``vectorize`` returned."""
    backend = backend_of("vectorize", values)
    values = native_tensors(backend, list(values))
    with registry.use(backend):
        ranks = _core_ranks(values, signature)
        shapes = [tuple(core.shape(x)) for x in values]
        loops = [shape[: len(shape) - rank] for shape, rank in zip(shapes, ranks, strict=True)]
        loop = _joined(loops)
        if not loop:
            return function(*values)
        count = math.prod(loop) if all(isinstance(d, int) for d in loop) else -1
        rows = {
            i: reshape(broadcast_to(x, (*loop, *s[len(own) :])), (count, *s[len(own) :]))
            for i, (x, s, own) in enumerate(zip(values, shapes, loops, strict=True))
            if own
        }
        result = vectorized_map(lambda row: function(*(row.get(i, x) for i, x in enumerate(values))), rows)
        return tree.map_structure(lambda y: reshape(y, (*loop, *core.shape(y)[1:])), result)


def _core_ranks(values: Sequence[Any], signature: str | None) -> list[int]:
    """How many of the last axes of each argument the function itself takes."""
    if signature is None:
        return [0] * len(values)
    inputs = re.findall(_CORE, signature.replace(" ", "").split("->")[0])
    names = [[name for name in axes[1:-1].split(",") if name] for axes in inputs]
    if len(names) != len(values):
        raise ValueError(
            f"vectorize() needs {len(names)} arguments for the signature {signature!r}, received {len(values)}."
        )
    sizes: dict[str, int] = {}
    for axes, x in zip(names, values, strict=True):
        if len(x.shape) < len(axes):
            raise ValueError(
                f"vectorize() needs at least the axes {axes} of the signature {signature!r}, received the shape "
                f"{tuple(x.shape)}."
            )
        for name, size in zip(axes, x.shape[len(x.shape) - len(axes) :], strict=True):
            if sizes.setdefault(name, size) != size:
                raise ValueError(
                    f"vectorize() needs one size for the axis {name!r} of the signature {signature!r}, received "
                    f"{sizes[name]} and {size}."
                )
    return [len(axes) for axes in names]


def _joined(shapes: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The broadcast shape; sizes that aren't known count as large."""
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(next((d for d in sizes if not isinstance(d, int) or d != 1), 1) for sizes in zip(*padded, strict=True))
