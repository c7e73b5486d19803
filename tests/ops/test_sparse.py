"""Ops on sparse tensors: values, dtypes and kinds against the same call on dense arrays, symbols, gradients, refusals."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from triceras import ops
from triceras.backends import registry
from triceras.backends.sparse import FILLING, RULES, ZERO_PRESERVING
from triceras.core.errors import SparseError, UnsupportedError
from triceras.graph import KerasTensor
from triceras.ops.dispatch import OPS
from triceras.ops.sparse import TAKING

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
A = np.array([[0, 2.0, 0, 0.25], [0, 0, 0, 0], [-0.5, 0, 0.5, 0]], "float32")
B = np.array([[0, 1.0, 3.0, 0], [0, 0, 0, 4], [-2.0, 0, 0.5, 0]], "float32")
FULL = np.arange(1, 13, dtype="float32").reshape(3, 4)
INDICES = np.array([[0, 1], [2, 0]], "int32")


@dataclasses.dataclass
class Sparse:
    """An array that a call gets as a sparse tensor."""

    array: np.ndarray


S, T = Sparse(A), Sparse(B)
CUBE = Sparse(A.reshape(3, 1, 4))


def row(op: str, *args: Any, sparse: bool, **kwargs: Any) -> Any:
    return pytest.param(op, args, kwargs, sparse, id=f"{op}-{'-'.join(type(a).__name__ for a in args)}-{len(kwargs)}")


ROWS = [
    row("cast", S, "int32", sparse=True),
    row("round", S, 1, sparse=True),
    *(row(op, S, T, sparse=True) for op in ("add", "subtract", "maximum", "minimum", "multiply")),
    *(row(op, S, FULL, sparse=False) for op in ("add", "maximum")),
    *(row(op, FULL, S, sparse=False) for op in ("subtract", "minimum", "divide")),
    row("add", S, 2.0, sparse=False),
    row("multiply", FULL, S, sparse=True),
    row("multiply", 2.0, S, sparse=True),
    row("multiply", S, FULL[0], sparse=True),
    row("multiply", S, FULL[:, :1], sparse=True),
    row("multiply", CUBE, FULL[:, None, :1], sparse=True),
    row("divide", S, FULL, sparse=True),
    row("divide", S, 2, sparse=True),
    row("divide", S, T, sparse=False),
    row("sum", S, sparse=False),
    row("sum", S, keepdims=True, sparse=False),
    row("sum", S, 0, sparse=True),
    row("sum", CUBE, axis=(0, -1), keepdims=True, sparse=True),
    row("mean", S, sparse=False),
    row("mean", S, axis=-1, sparse=True),
    row("matmul", S, FULL.T, sparse=False),
    row("matmul", S, FULL[0], sparse=False),
    row("matmul", CUBE, FULL.T, sparse=False),
    row("matmul", FULL.T, S, sparse=False),
    row("matmul", S, Sparse(B.T.copy()), sparse=True),
    row("reshape", S, (2, -1), sparse=True),
    row("ravel", S, sparse=True),
    row("transpose", S, sparse=True),
    row("transpose", CUBE, (2, 0, 1), sparse=True),
    row("moveaxis", CUBE, 0, -1, sparse=True),
    row("squeeze", CUBE, sparse=True),
    row("squeeze", CUBE, 1, sparse=True),
    row("expand_dims", S, (0, -1), sparse=True),
    row("concatenate", [S, T], sparse=True),
    row("concatenate", [S, S], axis=-1, sparse=True),
    row("concatenate", [S, FULL], sparse=False),
    row("take", FULL, Sparse(INDICES), axis=0, sparse=False),
    row("one_hot", INDICES - 1, 2, sparse=True),
    row("multi_hot", INDICES, 3, sparse=True),
    row("bincount", INDICES, minlength=4, sparse=True),
    row("bincount", INDICES[0], FULL[0, :2], minlength=4, sparse=True),
]


def _map(function: Callable[[Any], Any], x: Any) -> Any:
    return [_map(function, v) for v in x] if isinstance(x, list | tuple) and not _is_shape(x) else function(x)


def _is_shape(x: Any) -> bool:
    return isinstance(x, tuple) and all(isinstance(v, int) for v in x)


def _native(x: Any) -> Any:
    """The sparse arrays as sparse tensors of the active backend, the others as dense ones."""
    if isinstance(x, Sparse):
        places = x.array.nonzero()
        return registry.active().new_sparse(np.stack(places, 1), x.array[places], x.array.shape)
    return ops.convert_to_tensor(x) if isinstance(x, np.ndarray) else x


def _symbol(x: Any) -> Any:
    array = x.array if isinstance(x, Sparse) else x
    made = isinstance(array, np.ndarray)
    return KerasTensor(array.shape, array.dtype.name, sparse=isinstance(x, Sparse)) if made else array


def _check(op: str, args: Any, kwargs: dict[str, Any], sparse: bool) -> None:
    called = OPS[op].call
    # These make a sparse tensor of a dense one where they are asked to.
    kwargs, dense_kwargs = (
        (kwargs | {"sparse": True}, kwargs) if op in ("one_hot", "multi_hot", "bincount") else (kwargs,) * 2
    )
    with registry.backend_scope("numpy"), np.errstate(all="ignore"):
        expected = called(*_map(lambda x: x.array if isinstance(x, Sparse) else x, args), **dense_kwargs)
    for name in TRAINING:
        with registry.backend_scope(name) as backend:
            result = called(*_map(_native, args), **kwargs)
            symbol = called(*_map(_symbol, args), **kwargs)
            value = ops.convert_to_numpy(result)
        what = f"{op} on {name}"
        assert backend.is_sparse(result) == symbol.sparse == sparse, what
        assert value.shape == symbol.shape == tuple(result.shape) == expected.shape, what
        assert value.dtype == symbol.dtype == expected.dtype, what
        np.testing.assert_allclose(value, expected, 1e-6, 1e-6, err_msg=what)


@pytest.mark.parametrize("op, args, kwargs, sparse", ROWS)
def test_values(op: str, args: Any, kwargs: dict[str, Any], sparse: bool) -> None:
    _check(op, args, kwargs, sparse)


@pytest.mark.parametrize("family, sparse", [(ZERO_PRESERVING, True), (FILLING, False)], ids=["zero", "filling"])
def test_unary_families(family: tuple[str, ...], sparse: bool) -> None:
    """Functions of 0 that are 0 keep the places; the others give a dense result."""
    for op in family:
        if op != "cast":
            _check(op, (Sparse(abs(A) / 4),), {}, sparse)


def test_every_rule_is_tested_and_has_a_body() -> None:
    tested = {parameters.values[0] for parameters in ROWS} | {*ZERO_PRESERVING, *FILLING}
    assert set(RULES) <= tested
    for name in TRAINING:
        assert set(registry.get_backend(name).sparse_table) == set(RULES)


def test_conversions(backend: Any) -> None:
    """SciPy's matrices and other frameworks' sparse tensors become the backend's; ``sparse=False`` makes them dense."""
    kinds = [scipy.sparse.csr_matrix(A.astype("float64")), scipy.sparse.csc_array(A), scipy.sparse.coo_array(A)]
    if backend.name not in TRAINING:
        with pytest.raises(UnsupportedError, match="The numpy backend has no sparse tensors; received one of shape"):
            ops.convert_to_tensor(kinds[0])
        assert ops.convert_to_tensor(kinds[0], sparse=False).tolist() == A.tolist()
        return
    for other in TRAINING:
        with registry.backend_scope(other):
            kinds.append(_native(S))
    for x in kinds:
        made = ops.convert_to_tensor(x)
        assert backend.is_sparse(made)
        assert ops.is_tensor(made)
        assert (ops.shape(made), ops.dtype(made)) == ((3, 4), "float32")
        assert ops.convert_to_numpy(made).tolist() == ops.convert_to_numpy(x).tolist() == A.tolist()
        dense = ops.convert_to_tensor(x, "float16", sparse=False)
        assert not backend.is_sparse(dense)
        assert (ops.dtype(dense), ops.convert_to_numpy(dense).tolist()) == ("float16", A.tolist())
    assert ops.dtype(ops.convert_to_tensor(made, "float16", sparse=True)) == "float16"
    assert not backend.is_sparse(ops.convert_to_tensor(A, sparse=True))


def _refusing() -> list[str]:
    return sorted(name for name, op in OPS.items() if op.slots and not op.whole and name not in TAKING)


@pytest.mark.parametrize("name", TRAINING)
def test_every_other_op_refuses(name: str) -> None:
    """One error for all that don't take sparse tensors, on symbols too: op, argument, kind, remedy."""
    with registry.backend_scope(name):
        x, symbol = _native(S), _symbol(S)
        kind = type(x).__name__
        for op_name in _refusing():
            op = OPS[op_name]
            slot = op.slots[0]
            for value, of in ((x, kind), (symbol, "KerasTensor")):
                message = (
                    rf"^{op_name}\(\) doesn't take .*'{slot.name}' is a sparse {of} of shape \(3, 4\).*sparse=False"
                )
                with pytest.raises(SparseError, match=message):
                    op.call([value] if slot.many else value)
        with pytest.raises(SparseError, match=r"In einsum\(\): einsum_of\(\) doesn't take"):
            ops.einsum("ij->ji", x)
        with pytest.raises(SparseError, match=r"take\(\) doesn't take .*'x' is a sparse"):
            ops.take(x, [0])


CALLS: list[tuple[Any, ...]] = [
    (S,), (S, T), (S, A), (A, S), (S, 2.0), (2.0, S), ([S, T],), ([S, A],), (Sparse(INDICES), 3), (S, (3, 4)), (S, -1),
    (S, S, S), (A, A, S), (S, 0, 1), (S, INDICES, 0), (Sparse(np.eye(2)), np.eye(2)), (np.eye(2), Sparse(np.eye(2))),
]  # fmt: skip


@pytest.mark.parametrize("args", CALLS, ids=str)
def test_no_backend_computes_what_no_rule_allows(args: tuple[Any, ...]) -> None:
    """torch's classes don't tell sparse tensors from dense ones, so its own kernels could take them unseen."""
    for name in TRAINING:
        with registry.backend_scope(name) as backend:
            native = _map(_native, args)
            for op_name in _refusing():
                op = OPS[op_name]
                given = op.tensors(tuple(native), {})
                fits = all(slot.many == isinstance(v, list) for slot, v in given)
                if fits and any(backend.is_sparse(x) for slot, v in given for x in (v if slot.many else (v,))):
                    assert not _computes(op.call, native), f"{op_name} on {name}"


def _computes(function: Callable[..., Any], args: Any) -> bool:
    try:
        function(*args)
    except (SparseError, TypeError):  # the latter where arguments are missing
        return False
    return True


def test_what_does_not_broadcast() -> None:
    for name in TRAINING:
        with registry.backend_scope(name):
            x, part = _native(S), _native(Sparse(A[:1]))
            for op in (ops.add, ops.multiply):
                with pytest.raises(
                    ValueError, match=r"of two sparse tensors needs tensors of one shape, received \(3, 4\)"
                ):
                    op(x, part)
            if name != "torch":  # which does it itself
                with pytest.raises(ValueError, match=r"can't broadcast a sparse tensor: it has the shape \(1, 4\)"):
                    ops.multiply(part, FULL)
            with pytest.raises(ValueError, match=r"matmul\(\) with a sparse tensor takes .* \(3, 4\) and \(2, 4, 3\)"):
                ops.matmul(x, np.ones((2, 4, 3), "float32"))


def test_gradients() -> None:
    """With respect to the dense factor of a product, through functions of the stored values and of the result."""
    h = np.tanh(A)
    expected = h.T @ (2 * h @ FULL.T)
    for name in TRAINING:
        with registry.backend_scope(name) as backend:
            x = ops.tanh(_native(S))

            def total(leaves: list[Any], x: Any = x) -> tuple[Any, None]:
                return ops.sum(ops.square(ops.matmul(x, leaves[0]))), None

            gradient = backend.value_and_grad(total, [ops.convert_to_tensor(FULL.T)])[2][0]
            np.testing.assert_allclose(ops.convert_to_numpy(gradient), expected, 1e-5, 1e-5, err_msg=name)


def test_duplicates_and_padding_count_as_what_they_are() -> None:
    """torch and JAX allow a place twice, which is a sum; JAX pads with places outside of the shape."""
    places, values = np.array([[0, 1], [0, 1], [2, 3]]), np.array([1.0, 2.0, 4.0], "float32")
    made = {"torch": _torch_coo, "jax": _padded_bcoo}
    for name in set(TRAINING) & set(made):
        with registry.backend_scope(name):
            x = made[name](places, values)
            assert ops.convert_to_numpy(ops.square(x))[0, 1] == 9.0
            assert ops.convert_to_numpy(ops.maximum(x, x)).sum() == 7.0
            assert ops.convert_to_numpy(ops.divide(x, np.full((3, 4), 2.0, "float32"))).sum() == 3.5


def _torch_coo(places: np.ndarray, values: np.ndarray) -> Any:
    import torch

    return torch.sparse_coo_tensor(torch.tensor(places.T), torch.tensor(values), (3, 4), check_invariants=False)


def _padded_bcoo(places: np.ndarray, values: np.ndarray) -> Any:
    from jax.experimental.sparse import BCOO

    padded = np.concatenate([places, [[3, 4]]]), np.append(values, np.float32(0))
    return BCOO((padded[1], padded[0]), shape=(3, 4))
