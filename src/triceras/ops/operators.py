"""Python's operators for variables and symbolic tensors, in terms of ops."""

from __future__ import annotations

from typing import Any

from triceras.ops import elementwise as e
from triceras.ops import indexing, logic, products


class TensorOperators:
    """Arithmetic, comparisons, matrix product and indexing."""

    def __add__(self, other: Any) -> Any:
        return e.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return e.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return e.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return e.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return e.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return e.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return e.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return e.divide(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return e.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return e.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return e.mod(self, other)

    def __rmod__(self, other: Any) -> Any:
        return e.mod(other, self)

    def __divmod__(self, other: Any) -> Any:
        return e.floor_divide(self, other), e.mod(self, other)

    def __pow__(self, other: Any) -> Any:
        return e.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return e.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return products.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return products.matmul(other, self)

    def __and__(self, other: Any) -> Any:
        return logic.bitwise_and(self, other)

    def __rand__(self, other: Any) -> Any:
        return logic.bitwise_and(other, self)

    def __or__(self, other: Any) -> Any:
        return logic.bitwise_or(self, other)

    def __ror__(self, other: Any) -> Any:
        return logic.bitwise_or(other, self)

    def __xor__(self, other: Any) -> Any:
        return logic.bitwise_xor(self, other)

    def __rxor__(self, other: Any) -> Any:
        return logic.bitwise_xor(other, self)

    def __lshift__(self, other: Any) -> Any:
        return logic.bitwise_left_shift(self, other)

    def __rlshift__(self, other: Any) -> Any:
        return logic.bitwise_left_shift(other, self)

    def __rshift__(self, other: Any) -> Any:
        return logic.bitwise_right_shift(self, other)

    def __rrshift__(self, other: Any) -> Any:
        return logic.bitwise_right_shift(other, self)

    def __invert__(self) -> Any:
        return logic.bitwise_not(self)

    def __neg__(self) -> Any:
        return e.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return e.abs(self)

    def __round__(self, ndigits: int | None = None) -> Any:
        return e.round(self, ndigits or 0)

    def __eq__(self, other: object) -> Any:
        return logic.equal(self, other)

    def __ne__(self, other: object) -> Any:
        return logic.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return logic.less(self, other)

    def __le__(self, other: Any) -> Any:
        return logic.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return logic.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return logic.greater_equal(self, other)

    def __getitem__(self, key: Any) -> Any:
        return indexing.get_item(self, key)

    # Equality is elementwise, identity is what sets and dictionaries need.
    __hash__ = object.__hash__
