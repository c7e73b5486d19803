"""The state side of a layer: its variables, its weights and the losses they add."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from triceras import initializers, tree
from triceras.backends import registry
from triceras.backends.base import Backend, Tensor
from triceras.core import dtypes, naming, scopes
from triceras.core.autograph import left_alone
from triceras.layers.tracking import Tracker
from triceras.random.seed import SeedGenerator
from triceras.state.variable import Variable

_STORES = (
    "_trainable_variables",
    "_non_trainable_variables",
    "_seed_generators",
    "_layers",
    "_metrics",
)


#: The layers that keep losses of their last call; while there are none, a call needn't look for losses to forget.
KEEPING_LOSSES: set[weakref.ref[Any]] = set()


@left_alone
class LayerState:
    """What ``Layer`` is made of as far as state goes."""

    name: str
    built: bool
    _path: str | None
    _backend: Backend
    _trainable: bool
    _tracker: Tracker
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]
    _seed_generators: list[Any]
    _layers: list[Any]
    _metrics: list[Any]
    #: What is in the stores, by the names it was found under.
    _tracked: dict[str, Any]
    _added_losses: dict[int, list[Any]]
    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def _start_tracking(self) -> None:
        set_plainly = object.__setattr__
        for store in _STORES:
            set_plainly(self, store, [])
        set_plainly(self, "_tracked", {})
        set_plainly(self, "_added_losses", {})
        set_plainly(self, "_trainable", True)
        set_plainly(self, "_tracker", Tracker(self._note))

    def _note(self, name: str, value: Any) -> bool:
        """Put a piece of state into its store; False where the value is none."""
        store = self._store_of(value)
        if store is None:
            self._native_track(name, value)
            return False
        known = self._own_variables() if isinstance(value, Variable) else store
        if not any(value is other for other in known):
            store.append(value)
            self._tracked[name] = value
            self._native_track(name, value)
        return True

    def _store_of(self, value: Any) -> list[Any] | None:
        if isinstance(value, Variable):
            return self._trainable_variables if value.trainable else self._non_trainable_variables
        if isinstance(value, SeedGenerator):
            return self._seed_generators
        if isinstance(value, LayerState):
            return self._layers
        return self._metrics if hasattr(value, "update_state") and hasattr(value, "reset_state") else None

    def _native_track(self, name: str, value: Any) -> None:
        """Tell the framework; its mixin overrides this."""

    # ---- variables --------------------------------------------------------------------------------------------------

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this layer.

        Args:
            shape: its shape, all sizes known; ``()`` by default.
            initializer: an initializer or its name; Glorot-uniform for floats and zeros for other dtypes by default.
            dtype: its dtype; the layer's variable dtype by default.
            trainable: whether optimizers change it.
            autocast: whether it is read in the layer's compute dtype.
            regularizer: adds a penalty on it to the losses.
            constraint: what its value passes through after each update.
            aggregation: how replicas come together.
            overwrite_with_gradient: whether its gradient replaces its value.
            name: its name.

        Returns:
            The variable.
        """
        from triceras import constraints, regularizers

        self._check_super_called()
        shape = () if shape is None else ((shape,) if isinstance(shape, int) else tuple(shape))
        dtype = dtypes.standardize_dtype(dtype if dtype is not None else self.dtype_policy.variable_dtype)  # type: ignore[attr-defined]
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float_dtype(dtype) else "zeros"
        if any(d is None for d in shape):
            raise ValueError(
                f"Layer {self.path!r} can't make the weight {name!r} of shape {shape}: a size isn't known. Give the input a "  # type: ignore[attr-defined]
                "shape with that size, or build the layer with one."
            )
        with naming.whole_path(self._path or naming.joined(self.name)), registry.use(self._backend):
            variable = Variable(
                initializers.get(initializer),
                shape,
                dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        variable.overwrite_with_gradient = overwrite_with_gradient
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._note(self._unused(variable.name), variable)
        if not self._trainable:
            variable.trainable = False
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """The same as ``add_weight``, which is the name to use."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name)

    def _unused(self, name: str) -> str:
        """A name for the framework's registry that no other variable of this layer has."""
        number, unused = 0, name
        while unused in self._tracked:
            number += 1
            unused = f"{name}_{number}"
        return unused

    def _check_super_called(self) -> None:
        if not hasattr(self, "_dtype_policy"):
            raise RuntimeError(
                f"{type(self).__name__}.__init__() used the layer before calling super().__init__(). Call it first."
            )

    def _own_variables(self) -> list[Variable]:
        return [*self._trainable_variables, *self._non_trainable_variables]

    def _variables_in_files(self) -> list[Variable]:
        return self._own_variables()

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> Iterator[Any]:
        """This layer and those inside it, each once, outer ones first."""
        seen: set[int] = set()
        stack: list[Any] = [self] if include_self else list(reversed(self._layers))
        while stack:
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            yield layer
            if recursive or layer is self:
                stack.extend(reversed(layer._layers))

    @property
    def variables(self) -> list[Variable]:
        """All variables: weights, seed generators' states, those of layers inside; metrics' aside."""
        return _unique(
            v
            for layer in self._flatten_layers()
            for v in (
                *layer._own_variables(),
                *(generator.state for generator in layer._seed_generators),
            )
        )

    @property
    def weights(self) -> list[Variable]:
        """The variables without seed generators' states."""
        return _unique(v for layer in self._flatten_layers() for v in layer._own_variables())

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that optimizers change."""
        return [v for v in self.variables if v.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that optimizers don't change."""
        return [v for v in self.variables if not v.trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that optimizers change."""
        return [v for v in self.weights if v.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that optimizers don't change."""
        return [v for v in self.weights if not v.trainable]

    @property
    def trainable(self) -> bool:
        """Whether training changes this layer and those inside it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        object.__setattr__(self, "_trainable", value)
        for variable in self._trainable_variables:
            variable.trainable = value
        for layer in self._layers:
            layer.trainable = value

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the metrics of this layer and those inside it."""
        return _unique(v for metric in self.metrics for v in metric.variables)

    @property
    def metrics(self) -> list[Any]:
        """The metrics of this layer and those inside it."""
        return _unique(m for layer in self._flatten_layers() for m in layer._metrics)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: metrics are attributes, or arguments of ``compile``."""
        raise NotImplementedError(
            f"Layer {self.name!r}: add_metric() is gone. Pass the metric to compile(metrics=[...]), or set it as an attribute "
            "and call its update_state() in call()."
        )

    def count_params(self) -> int:
        """The number of elements of all weights.

        Raises:
            ValueError: the layer has no weights yet because it isn't built.
        """
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} isn't built, so its weights can't be counted. Call it or build() it first."
            )
        return sum(v.size for v in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """The weights as arrays, in the order of ``weights``."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Set the weights from arrays, in the order of ``weights``.

        Raises:
            ValueError: the number of arrays or a shape differs; nothing is set then.
        """
        ours = self.weights
        if len(ours) != len(weights):
            unbuilt = "" if self.built else " It isn't built: call it or build() it first."
            raise ValueError(f"Layer {self.name!r} has {len(ours)} weights, received {len(weights)} arrays.{unbuilt}")
        for variable, value in zip(ours, weights, strict=True):
            if variable.shape != tuple(np.shape(value)):
                raise ValueError(
                    f"Layer {self.name!r}: the weight {variable.path!r} has the shape {variable.shape}, received an array "
                    f"of shape {tuple(np.shape(value))}."
                )
        for variable, value in zip(ours, weights, strict=True):
            variable.assign(value)

    # ---- losses -----------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar, or several, to what training minimises."""
        scope = scopes.stateless.get()
        for value in tree.flatten(loss):
            if value is None:
                continue
            if scope is not None and scope.collect_losses:
                scope.add_loss(value)
            else:
                # By thread, for a strategy of TensorFlow calls one layer for several replicas in a thread each, by turns.
                self._added_losses.setdefault(threading.get_ident(), []).append(value)
                KEEPING_LOSSES.add(weakref.ref(self, KEEPING_LOSSES.discard))

    @property
    def losses(self) -> list[Tensor]:
        """The scalars added in the last call and the penalties on weights."""
        scope = scopes.stateless.get()
        if scope is not None and scope.collect_losses:
            added = list(scope.losses)
        else:
            here = threading.get_ident()
            added = [loss for layer in self._flatten_layers() for loss in layer._added_losses.get(here, ())]
        return added + self._weight_penalties()

    def _weight_penalties(self) -> list[Tensor]:
        return [v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None]

    def _forget_losses(self) -> None:
        """Begin a call from outside: what layers added in the last one is over."""
        for layer in self._flatten_layers():
            layer._added_losses.pop(threading.get_ident(), None)
            if not layer._added_losses:
                KEEPING_LOSSES.discard(weakref.ref(layer))


def _unique(items: Any) -> list[Any]:
    return list({id(item): item for item in items}.values())
