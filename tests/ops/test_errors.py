"""What ops say about arguments they can't take: one kind of error on every backend, with the op, the argument, what came."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from triceras import layers, ops
from triceras.core.errors import OpError

X = np.ones((2, 3), "float32")
#: (what is called, the op's name, what is said of the argument).
CALLS: list[tuple[Callable[[Any], Any], str, str]] = [
    *(
        (lambda x, op=op: getattr(ops, op)(x, axis=5), op, "axis lies between -2 and 1 for a tensor of 2 axes, received 5")
        for op in "sum mean max argmin cumsum sort softmax flip any prod std logsumexp argsort log_softmax".split()
    ),
    (lambda x: ops.transpose(x, (0, 5)), "transpose", "axes lies between -2 and 1 for a tensor of 2 axes, received 5"),
    (lambda x: ops.expand_dims(x, 7), "expand_dims", "axis lies between -3 and 2 for a tensor of 3 axes, received 7"),
    (lambda x: ops.layer_normalization(x, axis=4), "layer_normalization", "for a tensor of 2 axes, received 4"),
    (lambda x: ops.add(x, ops.ones(4)), "add", "The shapes (2, 3), (4,) cannot be broadcast together"),
    (lambda x: ops.maximum(x, ops.ones((3, 3))), "maximum", "The shapes (2, 3), (3, 3) cannot be broadcast together"),
    (lambda x: ops.where(x > 0, ops.ones(5), x), "where", "cannot be broadcast together"),
    (lambda x: ops.broadcast_to(x, (4, 5)), "broadcast_to", "The shapes (2, 3), (4, 5) cannot be broadcast together"),
    (lambda x: ops.matmul(x, x), "matmul", "needs x1.shape[-1] == x2.shape[-2], received the shapes (2, 3) and (2, 3)"),
    (lambda x: ops.concatenate([x, ops.ones((2, 4))], 0), "concatenate", "needs equal shapes but for axis 0"),
    (lambda x: ops.stack([x, ops.ones(2)]), "stack", "needs equal shapes, received [(2, 3), (2,)]"),
    (lambda x: ops.reshape(x, (4, 5)), "reshape", "newshape=(4, 5)"),
    (lambda x: ops.split(x, 5, axis=1), "split", "can't divide axis 1 of size 3 into 5 equal parts"),
    (lambda x: ops.einsum("ij,jk->ik", x, x), "einsum", "subscripts='ij,jk->ik'"),
    (lambda x: ops.cholesky(x), "cholesky", "square matrices (..., n, n), received the shape (2, 3)"),
    (lambda x: ops.bitwise_and(x, x), "bitwise_and", "Received x=float32 (2, 3), y=float32 (2, 3)"),
    (lambda x: ops.slice(x, (0, 0), (5, 5)), "slice", "shape=(5, 5)"),
    (lambda x: ops.sin("abc"), "sin", "x is text, expected a tensor or numbers"),
    (lambda x: ops.pad(x, 1, mode="around"), "pad", "has no mode 'around'"),
    (lambda x: ops.conv(ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 4, 5))), "conv", "received 3 input channels"),
    (lambda x: ops.image.resize(ops.ones((4, 4, 1)), (2, 2), interpolation="best"), "resize", "'best'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "op", "said"), CALLS, ids=[f"{op}-{i}" for i, (_, op, _) in enumerate(CALLS)])
def test_arguments_that_do_not_fit(backend: Any, call: Callable[[Any], Any], op: str, said: str) -> None:
    """A ValueError everywhere, whatever the framework raises."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        call(ops.convert_to_tensor(X))
    assert f"{op}()" in str(caught.value)


def test_arguments_missing_or_unknown(backend: Any) -> None:
    """Named by the op, not by the function that a backend runs for it."""
    with pytest.raises(TypeError, match=re.escape("exp() missing a required argument: 'x'.")):
        ops.exp()
    with pytest.raises(TypeError, match=re.escape("sum() got an unexpected keyword argument 'along'.")):
        ops.sum(X, along=1)


def test_an_op_inside_is_named_with_the_one_around_it(backend: Any) -> None:
    """Compositions tell the way."""
    with pytest.raises(OpError, match=re.escape("In logaddexp2(): ") + ".*cannot be broadcast"):
        ops.logaddexp2(ops.ones((2, 3)), ops.ones((4,)))
    with pytest.raises(OpError, match="cannot be broadcast") as caught:
        layers.Lambda(lambda x: ops.add(x, ops.ones((7,))), output_shape=(3,), name="adds")(ops.convert_to_tensor(X))
    assert "adds" in caught.value.__notes__[0]
