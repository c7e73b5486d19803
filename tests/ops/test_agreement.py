"""Every family of ops over all dtypes and hard shapes against NumPy and SciPy, and the backends' dtypes with one another."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.ops import cases, cases_numeric
from tests.ops.families import FAMILIES
from triceras import ops, tree
from triceras.backends import registry

BACKENDS = registry.available_backends()
#: JAX compiles each shape of each op anew, 30 ms apiece: these dtypes are enough to show its tables right.
ON_JAX = ("float32", "int32", "bool")
#: What the widest integers and floats are where a framework is set up for 32 bits, as JAX is.
NARROWED = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}
#: torch has no kernels that order or divide integers of 64 bits without sign.
UNORDERED = frozenset(
    "abs sign relu relu6 maximum minimum less less_equal greater greater_equal floor_divide mod fmod fmax fmin power gcd lcm "
    "left_shift right_shift searchsorted max min amax amin ptp argmax argmin clip sort".split()
)


def runs(case: cases.Case, name: str) -> bool:
    if name == "jax":
        return case.what.startswith(ON_JAX) and not case.repeated
    return not (name == "torch" and case.what.startswith("uint64") and case.op in UNORDERED)


def outcome(case: cases.Case) -> tuple[list[np.ndarray], list[str]]:
    """The results as arrays, and their dtypes."""
    args = tree.map_structure(_tensor, case.args)
    results = tree.flatten(getattr(ops, case.op)(*args, **case.kwargs))
    return [np.asarray(ops.convert_to_numpy(x)) for x in results], [ops.dtype(x) for x in results]


def _tensor(x: Any) -> Any:
    return ops.convert_to_tensor(x) if isinstance(x, np.ndarray | np.generic) else x


def faults(case: cases.Case, expected: list[Any]) -> list[str]:
    """What is wrong with a case on any backend."""
    found, dtypes = [], {}
    for name in BACKENDS:
        if not runs(case, name):
            continue
        with registry.backend_scope(name):
            arrays, dtypes[name] = outcome(case)
        if len(arrays) != len(expected):
            found.append(f"{case} on {name}: {len(arrays)} results, expected {len(expected)}")
            continue
        for array, value, dtype in zip(arrays, expected, dtypes[name], strict=True):
            lowest = next((d for d in ("bfloat16", "float16") if d in case.what), dtype)
            wrong = cases.difference(array, value, lowest, case.slack)
            found += [f"{case} on {name}: {wrong}"] if wrong else []
    if len({str([NARROWED.get(d, d) for d in given]) for given in dtypes.values()}) > 1:
        found.append(f"{case}: {dtypes}")
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:.*degrees of freedom")
@pytest.mark.parametrize("family", FAMILIES)
def test_backends_agree_with_numpy(family: str) -> None:
    """All that is wrong is told at once, with op, dtype and shape."""
    found = [fault for case in FAMILIES[family]() for fault in faults(case, tree.flatten(case.expected()))]
    assert not found, "\n".join(found)


def test_factors_multiply_to_the_matrix() -> None:
    """Signs and orders are each framework's own; what they multiply to isn't."""
    found = []
    for (case, product), name in itertools.product(cases_numeric.factorizations(), BACKENDS):
        with registry.backend_scope(name):
            arrays, _ = outcome(case)
        wrong = cases.difference(product(*arrays), case.args[0], "float32", case.slack)
        found += [f"{case} on {name}: {wrong}"] if wrong else []
    assert not found, "\n".join(found)


def test_integers_without_sign_of_64_bits_are_refused_where_torch_cannot_order_them() -> None:
    with registry.backend_scope("torch"):
        big = ops.convert_to_tensor(np.array([2**63 + 1, 1], "uint64"))
        assert ops.convert_to_numpy(ops.add(big, big)).tolist() == [2, 2]
        with pytest.raises(ValueError, match=r"maximum\(\) can't take these arguments.*uint64 \(2,\)"):
            ops.maximum(big, big)
