"""Control flow: branches, loops, maps over a leading axis, and functions with gradients of their own.

Functions are arguments here, so these aren't ops of the dispatching kind; on symbols each is recorded as a whole. The backend
of the tensors runs them with what its table has of the same name: traced loops where it compiles, plain Python where it
computes eagerly.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.core import scopes
from triceras.core.shapes import known_size
from triceras.ops.calls import SYMBOLIC, common_owner
from triceras.ops.dispatch import recorded
from triceras.ops.shape import concatenate


def _value(x: Any) -> Any:
    return x.value if isinstance(x, registry.StateHolder) else x


def backend_of(name: str, *structures: Any) -> Backend:
    """The backend of the tensors in some structures, else the active one."""
    return common_owner(name, tree.flatten(structures)) or registry.active()


def _run(name: str, structures: Any, *args: Any) -> Any:
    """Run a backend's body of the name, active meanwhile for what the functions do."""
    backend = backend_of(name, *structures)
    with registry.use(backend), scopes.ApartScope():
        return backend.table[name](*args)


def native_tensors(backend: Backend, structure: Any) -> Any:
    """A structure with its leaves as tensors of a backend."""
    return tree.map_structure(lambda x: None if x is None else backend.convert_to_tensor(_value(x)), structure)


@recorded(takes_functions=True, alike=lambda pred, true_fn, false_fn: true_fn())
def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """One function's result or another's, by a truth value.

    Args:
        pred: a Python boolean or a scalar tensor.
        true_fn, false_fn: functions without arguments whose results have one structure, with equal shapes and dtypes.

    Example:
        >>> cond(True, lambda: 1, lambda: 2)
        1
    """
    if isinstance(pred, bool):
        return true_fn() if pred else false_fn()
    return _run("cond", (pred,), _value(pred), true_fn, false_fn)


@recorded(takes_functions=True, alike=lambda index, branches, *operands: branches[0](*operands))
def switch(index: Any, branches: list[Callable[..., Any]], *operands: Any) -> Any:
    """The result of one of several functions, by an index.

    Args:
        index: an integer or a scalar tensor, clamped to the branches there are.
        branches: functions of the operands whose results have one structure, with equal shapes and dtypes.
        operands: their arguments.

    Example:
        >>> switch(1, [lambda x: x + 1, lambda x: x * 10], 2)
        20
    """
    if isinstance(index, int):
        return branches[builtins.min(builtins.max(index, 0), len(branches) - 1)](*operands)
    return _run("switch", (index, operands), _value(index), list(branches), *operands)


@recorded(takes_functions=True, alike=lambda cond, body, loop_vars, maximum_iterations=None: loop_vars)
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Apply a function as long as a condition holds.

    Args:
        cond: takes the loop variables, returns a boolean scalar.
        body: takes the loop variables, returns the next ones in the same structure.
        loop_vars: their first values: one tensor or a list, tuple or dictionary of them.
        maximum_iterations: how often at most.

    Returns:
        The last values.

    Example:
        >>> convert_to_numpy(while_loop(lambda i: i < 10, lambda i: i + 3, convert_to_tensor(0))).item()
        12
    """
    single = not isinstance(loop_vars, list | tuple)
    values = (loop_vars,) if single else tuple(loop_vars)
    values = native_tensors(backend_of("while_loop", values), values)

    def step(*current: Any) -> tuple[Any, ...]:
        new = body(*current)
        return tuple(new) if isinstance(new, list | tuple) and not single else (new,)

    result = _run("while_loop", values, cond, step, values, maximum_iterations)
    if single:
        return result[0]
    return list(result) if isinstance(loop_vars, list) else tuple(result)


@recorded(takes_functions=True, alike=lambda lower, upper, body_fun, init_val: init_val)
def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """``value = body_fun(i, value)`` for i from ``lower`` up to, but without, ``upper``.

    Args:
        lower, upper: integers or scalar tensors.
        body_fun: takes an integer scalar and the value, returns the next value.
        init_val: the first value, a tensor or a structure of them.

    Example:
        >>> convert_to_numpy(fori_loop(0, 4, lambda i, x: x + i, convert_to_tensor(0))).item()
        6
    """
    init_val = native_tensors(backend_of("fori_loop", lower, upper, init_val), init_val)
    return _run("fori_loop", (lower, upper, init_val), _value(lower), _value(upper), body_fun, init_val)


@recorded(takes_functions=True)
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """``carry, y = f(carry, x)`` for each element of a leading axis; the last carry and all y, stacked.

    Args:
        f: takes a carry and an element, returns the next carry and an output.
        init: the first carry, a tensor or a structure of them.
        xs: a tensor or structure of them, whose first axis is gone through; None with ``length`` for none.
        length: how many steps, where ``xs`` doesn't say.
        reverse: whether from the end; the outputs keep the order of ``xs``.
        unroll: how many steps a compiled loop does at a time.

    Example:
        >>> total, sums = scan(lambda c, x: (c + x, c + x), convert_to_tensor(0), convert_to_tensor([1, 2, 3]))
        >>> convert_to_numpy(sums).tolist()
        [1, 3, 6]
    """
    if not callable(f):
        raise TypeError(f"scan() needs a function as its first argument, received f={f!r}.")
    if xs is None and length is None:
        raise ValueError("scan() needs xs to go through or a length, received neither.")
    backend = backend_of("scan", init, xs)
    init, xs = native_tensors(backend, init), native_tensors(backend, xs)
    sizes = [x.shape[0] for x in tree.flatten(xs) if x is not None] + ([] if length is None else [length])
    known = {known_size(size) for size in sizes} - {None}
    if len(known) > 1:
        raise ValueError(
            f"scan() received different lengths: {sorted(known)}, of the first axes of xs and length={length}."  # type: ignore[type-var]
        )
    return _run("scan", (init, xs), f, init, xs, known.pop() if known else sizes[0], reverse, unroll)


@recorded(takes_functions=True)
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """A function applied to each element of a leading axis in turn, the results stacked.

    Args:
        f: takes an element (or a structure of them).
        xs: a tensor or structure of them.

    Example:
        >>> convert_to_numpy(map(lambda x: x * x, convert_to_tensor([1, 2, 3]))).tolist()
        [1, 4, 9]
    """
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@recorded(takes_functions=True)
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """A function applied to all elements of a leading axis at once, the results stacked.

    Args:
        function: takes an element (or a structure of them) and looks at no values.
        elements: a tensor or structure of them.

    Example:
        >>> convert_to_numpy(vectorized_map(lambda x: x * x, convert_to_tensor([1, 2, 3]))).tolist()
        [1, 4, 9]
    """
    elements = native_tensors(backend_of("vectorized_map", elements), elements)
    return _run("vectorized_map", (elements,), function, elements)


@recorded(takes_functions=True)
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Running results of an associative function, in a number of steps that grows with the logarithm of the length.

    Args:
        f: takes two structures of slices along the axis and combines them element by element.
        elems: a tensor or structure of them.
        reverse: whether from the end.
        axis: the axis gone along.

    Example:
        >>> convert_to_numpy(associative_scan(lambda a, b: a + b, convert_to_tensor([1, 2, 3]))).tolist()
        [1, 3, 6]
    """
    if not callable(f):
        raise TypeError(f"associative_scan() needs a function as its first argument, received f={f!r}.")
    backend = backend_of("associative_scan", elems)
    elems = native_tensors(backend, elems)
    sizes = {x.shape[axis] for x in tree.flatten(elems)}
    if len(sizes) > 1:
        raise ValueError(f"associative_scan() received different sizes along axis {axis}: {sorted(sizes)}.")
    with registry.use(backend):
        return _doubling(f, elems, reverse, axis, sizes.pop())


def _doubling(f: Callable[[Any, Any], Any], elems: Any, reverse: bool, axis: int, size: int) -> Any:
    """Hillis and Steele's scan (1986): each step combines what lies twice as far apart."""

    def part(structure: Any, start: int, stop: int) -> Any:
        def cut(x: Any) -> Any:
            key = [slice(None)] * len(x.shape)
            key[axis] = slice(start, stop)
            return x[tuple(key)]

        return tree.map_structure(cut, structure)

    distance = 1
    while distance < size:
        early, late = part(elems, 0, size - distance), part(elems, distance, size)
        # In reverse what lies further on comes first, and the last ones have nothing to combine with.
        pieces = (
            [f(late, early), part(elems, size - distance, size)]
            if reverse
            else [part(elems, 0, distance), f(early, late)]
        )
        elems = tree.map_structure(lambda *parts: concatenate(parts, axis), *pieces)
        distance *= 2
    return elems


@recorded(takes_functions=True)
def called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function's result, recorded as one call on symbols."""
    return function(*args, **kwargs)


def custom_gradient(f: Callable[..., tuple[Any, Callable[..., Any]]]) -> Callable[..., Any]:
    """A function with a gradient of its own.

    Args:
        f: takes tensors and returns a result and ``grad``, which takes the gradient of the result (as positional
            argument or as ``upstream``) and returns those of the arguments.

    Returns:
        The function, for use under any backend.

    Example:
        >>> @custom_gradient
        ... def double(x):
        ...     return 2 * x, lambda upstream: 2 * upstream
        >>> convert_to_numpy(double(convert_to_tensor(3.0))).item()
        6.0
    """
    return with_gradient(None)(f)


def with_gradient(plain: Callable[..., Any] | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``custom_gradient`` of a function that keeps for its gradient what its result alone doesn't need.

    Args:
        plain: takes the same tensors and returns the result alone, which it may compute with less: backends run it where they
            know that no gradient will be asked for.
    """

    def decorate(f: Callable[..., Any]) -> Callable[..., Any]:
        made: dict[str, Callable[..., Any]] = {}

        def call(*args: Any, **kwargs: Any) -> Any:
            leaves = tree.flatten((args, kwargs))
            if builtins.any(type(x) in SYMBOLIC for x in leaves):
                return called(call, *args, **kwargs)
            backend = common_owner("custom_gradient", leaves) or registry.active()
            if backend.name not in made:
                made[backend.name] = backend.table["custom_gradient"](f, plain)
            values = [_value(x) for x in args]
            with registry.use(backend):
                return made[backend.name](*values, **{key: _value(x) for key, x in kwargs.items()})

        return call

    return decorate
