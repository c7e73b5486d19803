"""Type promotion, the mixing of backends, and that every op has a row."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.ops.test_table import BACKENDS, ROWS
from triceras import ops
from triceras.backends import registry
from triceras.core import dtypes
from triceras.core.errors import MixedBackendsError
from triceras.graph import KerasTensor

NAMES = [d for d in dtypes.LATTICE if not d.endswith("*")]
SCALARS = {bool: True, int: 2, float: 2.5}
COMMON = ("bool", "uint8", "int8", "int32", "bfloat16", "float16", "float32")
SCALAR_OPS = sorted(set().union(*(registry.get_backend(name).takes_scalars for name in BACKENDS)))
#: Ops that rows don't suit, each tested where its own kind is.
WITHOUT_ROWS = set(
    "cast convert_to_numpy convert_to_tensor dtype is_tensor shape stop_gradient eig eigh qr ndim size custom_gradient jvp "
    "vectorize".split()
)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations_with_replacement(NAMES, 2)))
def test_result_type_is_that_of_jax(first: str, second: str) -> None:
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        expected = jnp.promote_types(dtypes.numpy_dtype(first), dtypes.numpy_dtype(second)).name
    if "uint64" in (first, second) and {first, second} & set(dtypes.SIGNED):
        expected = "float32"  # JAX's default float with 64 bits enabled is float64, ours is config.floatx()
    assert dtypes.result_type(first, second) == dtypes.result_type(second, first) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scalar", list(SCALARS))
def test_numbers_are_weak(name: str, scalar: type) -> None:
    """A Python number changes a dtype only where its kind can't hold it, and then to the default one of its kind."""
    kinds = {"bool": 0, "int": 1, "uint": 1, "float": 2, "bfloat": 2, "complex": 3}
    kind = kinds[name.rstrip("0123456789")]
    expected = name if kind >= {bool: 0, int: 1, float: 2}[scalar] else {int: "int32", float: "float32"}[scalar]
    assert dtypes.result_type(name, scalar) == expected


def test_float8_is_never_promoted() -> None:
    with pytest.raises(ValueError, match="Cannot promote float8_e4m3fn implicitly"):
        dtypes.result_type("float8_e4m3fn", "float32")


def _of_two(op: str) -> Any:
    return (lambda x, bound: ops.clip(x, bound, bound)) if op == "clip" else getattr(ops, op)


@pytest.mark.parametrize("op", SCALAR_OPS)
def test_numbers_beside_tensors(op: str) -> None:
    """On either side of a tensor, on every backend, eager and symbolic."""
    function = _of_two(op)
    for name, (kind, number) in itertools.product(COMMON, SCALARS.items()):
        if name == kind.__name__ == "bool":
            continue
        for arguments in (lambda x, n: (x, n), lambda x, n: (n, x)):
            found = set()
            for backend in BACKENDS:
                with registry.backend_scope(backend):
                    x = ops.convert_to_tensor(np.ones(2), name)
                    found.add(ops.dtype(function(*arguments(x, number))))
                    found.add(function(*arguments(KerasTensor((2,), name), number)).dtype)
            assert len(found) == 1, f"{op}() of {name} and {kind.__name__}: {found}"


@pytest.mark.parametrize("op", SCALAR_OPS)
def test_two_numbers(backend: Any, op: str) -> None:
    result = _of_two(op)(3, 2)
    assert isinstance(result, (*backend.tensor_types, np.generic))


def test_bounds_of_both_kinds(backend: Any) -> None:
    x = ops.convert_to_tensor([-3.0, 0.5, 3.0])
    for low, high in ((-1, x * 0 + 1), (x * 0 - 1, 1), (-1.0, 1)):
        assert ops.convert_to_numpy(ops.clip(x, low, high)).tolist() == [-1.0, 0.5, 1.0]
    assert ops.convert_to_numpy(ops.clip(0.5, x, x)).tolist() == [-3.0, 0.5, 3.0]


def test_a_sequence_of_other_dtypes_than_before(backend: Any) -> None:
    """The plan of one call isn't taken for another's."""
    whole, real = ops.convert_to_tensor([1, 2]), ops.convert_to_tensor([0.5])
    for xs, dtype in (
        ([real, real], "float32"),
        ([whole, real], "float32"),
        ([whole, whole], "int32"),
        ([whole, [3]], "int32"),
    ):
        joined = ops.concatenate(xs)
        assert ops.dtype(joined) == dtype
        np.testing.assert_array_equal(ops.convert_to_numpy(joined), np.concatenate([np.asarray(x) for x in xs]))


def test_two_frameworks_in_a_call() -> None:
    with registry.backend_scope("jax"):
        x = ops.ones((2,))
    with registry.backend_scope("torch"):
        y = ops.ones((2,))
    with pytest.raises(MixedBackendsError, match=r"add\(\) received tensors of two frameworks: jax and torch"):
        ops.add(x, y)
    with pytest.raises(MixedBackendsError, match="concatenate"):
        ops.concatenate([x, y])


def test_tensors_by_keyword(backend: Any) -> None:
    x = ops.convert_to_tensor([[1.0, 2.0]])
    assert ops.convert_to_numpy(ops.exp(x=x * 0)).tolist() == [[1.0, 1.0]]
    assert ops.convert_to_numpy(ops.add(x1=x, x2=x)).tolist() == [[2.0, 4.0]]
    assert ops.convert_to_numpy(ops.sum(x=x, axis=1)).tolist() == [3.0]
    assert ops.convert_to_numpy(ops.concatenate(xs=[x, x], axis=0)).shape == (2, 2)


def test_sizes(backend: Any) -> None:
    x = ops.zeros((2, 3))
    assert (ops.ndim(x), ops.size(x), ops.shape(x)) == (2, 6, (2, 3))
    assert ops.size(KerasTensor((None, 3))) is None


def test_every_op_has_a_row() -> None:
    with_rows = {getattr(ops, name) for name in {row.op for row in ROWS} if hasattr(ops, name)}  # an alias is its op
    names = {name for name in ops.__all__ if callable(getattr(ops, name)) and getattr(ops, name) not in with_rows}
    names |= {f"image.{name}" for name in ops.image.__all__}
    missing = sorted(names - {row.op for row in ROWS} - WITHOUT_ROWS)
    assert not missing, f"exported from triceras.ops without a row in tests/ops/rows_*.py: {missing}"
