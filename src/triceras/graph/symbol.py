"""The symbolic tensor: a shape, a dtype, and which operation it comes from."""

from __future__ import annotations

from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.backends.base import Spec
from triceras.core import dtypes, naming
from triceras.ops import shape as shape_ops
from triceras.ops.operators import TensorOperators


class KerasTensor(TensorOperators):
    """A tensor with a shape and a dtype but no values: what functional models are made of.

    Args:
        shape: sizes, None where one isn't known.
        dtype: the dtype.
        sparse, ragged: kinds of tensor that it stands for.
        record_history: whether operations called on it are recorded.
        name: its name; made up where left out.

    Example:
        >>> x = KerasTensor((None, 3))
        >>> (x * 2).shape
        (None, 3)
    """

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if sparse and ragged:
            raise ValueError("A KerasTensor is sparse or ragged, not both.")
        self._shape = standardize_shape(shape)
        self._dtype = dtypes.standardize_dtype(dtype)
        self._sparse = bool(sparse)
        self._ragged = bool(ragged)
        self._ragged_rank = kwargs.get("ragged_rank")
        self._row_splits_dtype = kwargs.get("row_splits_dtype")
        self.record_history = record_history
        self.name = name or naming.auto_name("keras_tensor")
        #: (operation, index of its node, index among the node's outputs), or None.
        self._keras_history: tuple[Any, int, int] | None = None
        self._keras_mask: Any = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The sizes, None where one isn't known."""
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def dtype(self) -> str:
        """The dtype."""
        return self._dtype

    @property
    def sparse(self) -> bool:
        """Whether it stands for a sparse tensor."""
        return self._sparse

    @property
    def ragged(self) -> bool:
        """Whether it stands for a ragged tensor."""
        return self._ragged

    @property
    def ragged_rank(self) -> int | None:
        """The number of ragged axes, where it is ragged."""
        return self._ragged_rank

    @property
    def row_splits_dtype(self) -> str | None:
        """The dtype of row splits, where it is ragged."""
        return self._row_splits_dtype

    @property
    def spec(self) -> Spec:
        """Its shape and dtype alone."""
        return Spec(self._shape, self._dtype, self._sparse)

    def reshape(self, newshape: Any) -> Any:
        """The same elements in another shape."""
        return shape_ops.reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """The same without axes of size one."""
        return shape_ops.squeeze(self, axis)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self._shape}, dtype={self._dtype}, sparse={self._sparse}, name={self.name}>"

    def _no_values(self, what: str) -> TypeError:
        return TypeError(
            f"{self!r} is symbolic: it has no values, so {what}. Use ops from triceras.ops, or wrap the code in a layer "
            "whose call() receives real tensors."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._no_values("it can't become an array")

    def __bool__(self) -> bool:
        raise self._no_values("its truth isn't known")

    def __float__(self) -> float:
        raise self._no_values("it can't become a float")

    def __int__(self) -> int:
        raise self._no_values("it can't become an int")

    def __index__(self) -> int:
        raise self._no_values("it can't be an index")

    def __iter__(self) -> Any:
        raise self._no_values("it can't be iterated over")

    def __tf_tensor__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._no_values("TensorFlow can't compute with it")

    def __jax_array__(self) -> Any:
        raise self._no_values("JAX can't compute with it")


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """A shape as a tuple of sizes and None.

    Raises:
        ValueError: something in it is neither a size nor None.
    """
    if shape is None:
        raise ValueError("A shape is needed, received None.")
    if not hasattr(shape, "__iter__"):
        raise ValueError(f"A shape is a tuple of integers and None, received {shape!r}.")
    sizes = tuple(None if d is None else d for d in shape)
    for d in sizes:
        if d is not None and (not hasattr(d, "__index__") or int(d) < 0):
            raise ValueError(f"A shape is a tuple of integers >= 0 and None, received {shape!r}.")
    return tuple(None if d is None else int(d) for d in sizes)


def is_keras_tensor(x: Any) -> bool:
    """Whether a value is a symbolic tensor.

    Example:
        >>> is_keras_tensor(KerasTensor((2,))), is_keras_tensor(2)
        (True, False)
    """
    return isinstance(x, KerasTensor)


#: Classes whose values are no tensors and hold no state.
PLAIN = frozenset((type(None), bool, int, float, complex, str, bytes))


def any_symbolic(*structures: Any) -> bool:
    """Whether a symbolic tensor is anywhere in some structures."""
    return any(map(_holds_symbol, structures))


def _holds_symbol(x: Any) -> bool:
    kind = type(x)
    if registry.OWNERS.get(kind) is not None or kind in PLAIN:  # a tensor of a framework, most of the time
        return False
    if kind is list or kind is tuple:
        return any(map(_holds_symbol, x))
    if kind is dict:
        return any(map(_holds_symbol, x.values()))
    return any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(x))
