"""The variable: a tensor that persists, on whichever backend it was made."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Backend, Tensor
from triceras.core import dtypes, naming, scopes
from triceras.core.autograph import left_alone
from triceras.ops.operators import TensorOperators

_AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")
_SYNCHRONIZATIONS = (None, "auto", "none", "on_write", "on_read")
#: (class, backend) -> the class with the backend's mixin.
_native_classes: dict[tuple[type, Backend], type] = {}


def native_class(cls: type, backend: Backend) -> type:
    """A variable class at home in a backend, made once."""
    made = _native_classes.get((cls, backend))
    if made is None:
        bases = (cls, backend.variable_mixin) if backend.variable_mixin else (cls,)
        names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "_origin": cls}
        made = _native_classes[cls, backend] = type(cls.__name__, bases, names)
        registry.OWNERS[made] = backend
    return made


@left_alone
class Variable(registry.StateHolder, TensorOperators):
    """A tensor that persists between calls and that training may change.

    Args:
        initializer: the first value: an array, a number, a tensor, or a function ``(shape, dtype) -> tensor``.
        shape: the shape; needed where ``initializer`` is a function.
        dtype: the dtype it is stored in; by default the initial value's, or ``config.floatx()``.
        trainable: whether optimizers change it.
        autocast: whether it is read in the compute dtype of a mixed-precision layer.
        aggregation: how replicas come together: ``"none"``, ``"mean"``, ``"sum"`` or ``"only_first_replica"``.
        synchronization: when they do: ``"auto"``, ``"none"``, ``"on_write"`` or ``"on_read"``.
        name: its name, without slashes; made up where left out.
        layout: how it is laid out over devices, for the backend's own engine; None for one device.

    Example:
        >>> v = Variable([1.0, 2.0], name="scale")
        >>> _ = v.assign_add([1.0, 1.0])
        >>> v.numpy().tolist(), v.shape, v.dtype
        ([2.0, 3.0], (2,), 'float32')
    """

    state: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Variable:
        if "_origin" not in cls.__dict__:
            cls = native_class(cls, registry.active())
        return object.__new__(cls)

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: Any = None,
        **kwargs: Any,
    ) -> None:
        name = name or naming.auto_name("variable")
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"A variable's name is a string without slashes, received {name!r}.")
        _check_one_of("aggregation", aggregation, _AGGREGATIONS)
        _check_one_of("synchronization", synchronization, _SYNCHRONIZATIONS)
        self.backend: Backend = registry.OWNERS[type(self)]
        self._name = name
        self._path = naming.joined(name)
        self._trainable = bool(trainable)
        self._autocast = bool(autocast)
        self._aggregation = aggregation
        self._synchronization = synchronization
        self._overwrite_with_gradient = False
        self._regularizer: Any = None
        self._constraint: Any = None
        self._layout = layout
        self._blank_from: tuple[Any, str, Any] | None = None
        if callable(initializer) and not isinstance(initializer, registry.StateHolder):
            self._shape = self._checked_shape(shape)
            self._dtype = self.backend.canonical(dtypes.standardize_dtype(dtype))
            self._blank_from = initializer, dtypes.standardize_dtype(dtype), scopes.blanks.get()
            if scopes.blanks.get() is None:
                self.draw()
            else:
                scopes.blanks.get().note(self)
            return
        value = initializer.value if isinstance(initializer, registry.StateHolder) else initializer
        self._check_given(value, shape)
        self._dtype = dtypes.standardize_dtype(dtype) if dtype is not None else _dtype_of(value)
        self._dtype = self.backend.canonical(self._dtype)
        self._begin_with(value)
        self._shape = tuple(int(d) for d in self.state.shape)

    def _begin_with(self, value: Any) -> None:
        with registry.use(self.backend), self.backend.outside_trace():
            self.state = self._new_state(value)

    def _new_state(self, value: Any) -> Any:
        replicas = self._aggregation or "none", self._synchronization or "auto"
        return self.backend.new_state(value, self._dtype, self._trainable, *replicas)

    def _check_given(self, value: Any, shape: Any) -> None:
        given = tuple(value.shape) if hasattr(value, "shape") else np.shape(value)
        if shape is not None and given != tuple(shape):
            raise ValueError(f"The variable {self._path!r} is given a value of shape {given}, expected {tuple(shape)}.")

    def _checked_shape(self, shape: Any) -> tuple[int, ...]:
        if shape is None:
            raise ValueError(
                f"The variable {self._path!r} has a function for an initializer, which needs a shape: pass shape=(...)."
            )
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(not isinstance(d, int | np.integer) or d < 0 for d in shape):
            raise ValueError(f"The variable {self._path!r} needs a shape of known sizes, received {shape}.")
        return tuple(map(int, shape))

    # ---- without a value, while a file is read (core/blanks.py) -------------------------------------------------------

    @property
    def is_blank(self) -> bool:
        """Whether it has no value yet: it was made while a file is read, and the value is still to come."""
        return self._blank_from is not None

    def draw(self) -> None:
        """Give a blank one its initializer's value; others keep theirs."""
        if self._blank_from is None:
            return
        initializer, dtype, blanks = self._blank_from
        if blanks is not None:
            blanks.before_drawing(self._path, math.prod(self._shape) * dtypes.numpy_dtype(self._dtype).itemsize)
        with self.backend.outside_trace():
            make = getattr(initializer, "on_host", initializer)  # the built-in initializers draw on the host
            value = make(self._shape, dtype=dtype)
        self._blank_from = None
        self._begin_with(value)
        self._shape = tuple(int(d) for d in self.state.shape)

    def _zeros(self) -> Tensor:
        return self.backend.table["zeros"](self._shape, dtype=self._dtype)

    def _drawn_state(self) -> Any:
        """The state of one that is read while it is blank."""
        if self._blank_from is None:
            raise AttributeError(f"The variable {self._path!r} has no state.")
        self.draw()
        return self.state

    def when_stored(self, tell: Callable[[], None]) -> None:
        """Do something that needs the state: now, or where it is blank, when all variables made beside it have theirs."""
        if self._blank_from is None or self._blank_from[2] is None:
            tell()
        else:
            self._blank_from[2].later(tell)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "state":
                return self._drawn_state()
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}.")

    # ---- what it is -------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    @property
    def path(self) -> str:
        """The name with those of the scopes around it, joined by slashes."""
        return self._path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self._shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self._shape))

    @property
    def dtype(self) -> str:  # type: ignore[override]
        """The dtype it is read in, here and now."""
        cast = scopes.autocast.get()
        return cast if cast is not None and self._autocast and self._dtype in dtypes.FLOATS else self._dtype

    @property
    def stored_dtype(self) -> str:
        """The dtype it is stored in."""
        return self._dtype

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if not self.is_blank and hasattr(self.state, "requires_grad_") and self._dtype in dtypes.FLOATS:
            self.state.requires_grad_(self._trainable)

    @property
    def autocast(self) -> bool:
        """Whether it is read in the compute dtype of a mixed-precision layer."""
        return self._autocast

    @property
    def aggregation(self) -> str | None:
        """How replicas come together."""
        return self._aggregation

    @property
    def synchronization(self) -> str | None:
        """When replicas come together."""
        return self._synchronization

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether its gradient replaces its value, as float8 scales need."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"overwrite_with_gradient is True or False, received {value!r}.")
        self._overwrite_with_gradient = value

    @property
    def regularizer(self) -> Callable[[Tensor], Tensor] | None:
        """What is added to the loss for its value, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable[[Tensor], Tensor] | None) -> None:
        self._regularizer = _check_callable("regularizer", value)

    @property
    def constraint(self) -> Callable[[Tensor], Tensor] | None:
        """What its value is passed through after each update, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable[[Tensor], Tensor] | None) -> None:
        self._constraint = _check_callable("constraint", value)

    # ---- its value --------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Tensor:  # type: ignore[override]
        """The value here and now: a stateless scope's, in the dtype that autocasting asks for."""
        scope = scopes.stateless.get()
        value = scope.values.get(self) if scope is not None else None
        if value is None:
            # Shapes and dtypes don't need the values of a blank one.
            is_needed = self._blank_from is None or not scopes.symbolic.get()
            value = self.backend.read_state(self.state) if is_needed else self._zeros()
        cast = scopes.autocast.get()
        if cast is not None and cast != self._dtype and self._autocast and self._dtype in dtypes.FLOATS:
            return self.backend.cast(value, cast)
        return value

    @property
    def stored_value(self) -> Tensor:
        """The value as stored, whatever scopes are open."""
        return self.backend.read_state(self.state)

    def store(self, value: Tensor) -> None:
        """Replace the stored value by a tensor of its shape and dtype, whatever scopes are open."""
        if self._blank_from is not None:
            self._blank_from = None
            self._begin_with(value)
        elif value is not self.state:
            self.state = self.backend.write_state(self.state, value)

    def assign(self, value: Any) -> Tensor:
        """Replace the value.

        Args:
            value: anything that converts to a tensor of this variable's shape.

        Returns:
            The new value.

        Raises:
            ValueError: the shape differs.
        """
        if isinstance(value, registry.StateHolder):
            value = value.value
        scope = scopes.stateless.get()
        if self._blank_from is not None and scope is None and hasattr(value, "shape"):
            self._check_shape(value)  # what is made of it now is its first state: nothing is converted twice
            self._blank_from = None
            self._begin_with(value)
            return self.stored_value
        value = self.backend.convert_to_tensor(value, self._dtype)
        self._check_shape(value)
        if scope is not None:
            scope.values[self] = value
        else:
            self.store(value)
        return value

    def _check_shape(self, value: Any) -> None:
        if tuple(value.shape) != self._shape:
            raise ValueError(
                f"The variable {self._path!r} has the shape {self._shape}, received a value of shape {tuple(value.shape)}."
            )

    def assign_add(self, value: Any) -> Tensor:
        """Add to the value."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Tensor:
        """Subtract from the value."""
        return self.assign(self - value)

    def numpy(self) -> np.ndarray:
        """The value as an array on the host, which keeps it whatever is assigned later."""
        array = self.backend.to_numpy(self.value)
        return array.copy() if self.backend.updates_in_place else array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(self.numpy(), dtype=dtype)
        return array.copy() if copy else array

    def __float__(self) -> float:
        return float(self._only_element("float"))

    def __int__(self) -> int:
        return int(self._only_element("int"))

    def __bool__(self) -> bool:
        return bool(self._only_element("bool"))

    def _only_element(self, kind: str) -> Any:
        if self.ndim:
            raise TypeError(
                f"Only a scalar variable becomes a Python {kind}; {self._path!r} has the shape {self._shape}."
            )
        return self.numpy()

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError(f"The variable {self._path!r} is a scalar and has no length.")
        return self._shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return (
            f"<Variable path={self._path}, shape={self._shape}, dtype={self._dtype}, backend={self.backend.name}, "
            f"value={np.array2string(self.numpy(), threshold=10)}>"
        )

    def __reduce__(self) -> Any:
        return _restore, (type(self)._origin, self.backend.name, np.array(self.numpy()), self._attributes())  # type: ignore[attr-defined]

    def _attributes(self) -> dict[str, Any]:
        """What a copy has but for its state and what a framework adds."""
        return {key: value for key, value in self.__dict__.items() if key not in ("backend", "state", "_home")}

    def __copy__(self) -> Variable:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any], dtype: str | None = None) -> Variable:
        attributes = self._attributes() | ({} if dtype is None else {"_dtype": dtype})
        backend = registry.destination(self.backend)
        made = memo[id(self)] = _restore(type(self)._origin, backend.name, self.stored_value, attributes)  # type: ignore[attr-defined]
        return made


def _restore(cls: type, backend: str, value: Any, attributes: dict[str, Any]) -> Variable:
    """Make a variable again from its attributes and a tensor or array, which is copied."""
    owner = registry.get_backend(backend)
    variable = object.__new__(native_class(cls, owner))
    variable.__dict__.update(attributes)
    variable.backend = owner
    variable._dtype = owner.canonical(variable._dtype)
    with registry.use(owner):
        variable.state = variable._new_state(value)
    return variable


def _dtype_of(value: Any) -> str:
    if hasattr(value, "dtype"):
        return dtypes.standardize_dtype(value.dtype)
    return (
        dtypes.result_type(type(np.asarray(value).ravel()[0].item()))
        if np.size(value)
        else dtypes.standardize_dtype(None)
    )


def _check_one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"Unknown {name}: {value!r}. Expected one of: {', '.join(map(repr, allowed))}.")


def _check_callable(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ValueError(f"The {name} of a variable is a function of its value or None, received {value!r}.")
    return value
