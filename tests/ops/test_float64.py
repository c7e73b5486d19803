"""Every op in float64 where a framework has it: dtypes, and values to the precision of 64 bits."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.table import Row
from tests.ops.test_table import ROWS, _float_leaves, _host, _run
from triceras import ops

#: Views of bits are other values in another dtype.
#: JAX is set up for 32 bits.
BACKENDS = ("torch", "tensorflow")


@pytest.mark.parametrize("row", [r for r in ROWS if _float_leaves(r) and r.op != "view"], ids=str)
def test_float64(row: Row) -> None:
    """No backend loses bits on the way, NumPy's without axes included."""
    reference = _run(row, "float64", "numpy")
    for name in BACKENDS:
        results = _run(row, "float64", name)
        assert [ops.dtype(x) for x in results] == [ops.dtype(x) for x in reference], f"{row} on {name}"
        for actual, expected in zip(_host(results), _host(reference), strict=True):
            # Random numbers have the same bits in every dtype, those of float32.
            tolerance = 1e-4 if row.op == "image.elastic_transform" else 1e-9
            np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance, err_msg=f"{row} on {name}")
