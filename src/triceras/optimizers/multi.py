"""Several optimizers for one model, each for some of its variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

from triceras.backends.base import Tensor
from triceras.core import objects, patterns
from triceras.optimizers.optimizer import Optimizer
from triceras.state.variable import Variable


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Optimizers by regular expressions that the whole of a variable's path matches.

    Args:
        default_optimizer: for the variables that none matches.
        optimizer_map: expression -> optimizer.

    Raises:
        ValueError: something else than an optimizer, an expression given twice, or a path that several match.

    Example:
        >>> by_path = OptimizerMap(SGD(0.1), {".*/embeddings": Adam(0.01)})
        >>> [type(by_path[path]).__name__ for path in ("sequential/embedding/embeddings", "sequential/dense/kernel")]
        ['Adam', 'SGD']
    """

    def __init__(self, default_optimizer: Any, optimizer_map: Any = None) -> None:
        self._default = _checked("default_optimizer", default_optimizer)
        self._optimizers: dict[str, Optimizer] = {}
        for pattern, optimizer in (optimizer_map or {}).items():
            self[pattern] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """For the variables that no expression matches."""
        return self._default

    def __getitem__(self, path: str) -> Optimizer:
        if path in self._optimizers:
            return self._optimizers[path]
        found = [pattern for pattern in self._optimizers if patterns.fullmatch(pattern, path)]
        if len(found) > 1:
            raise ValueError(f"The path {path!r} is matched by several expressions, expected one at most: {found}.")
        return self._optimizers[found[0]] if found else self._default

    def __setitem__(self, pattern: str, optimizer: Any) -> None:
        if pattern in self._optimizers:
            raise ValueError(f"The OptimizerMap has {pattern!r} already: delete it first.")
        patterns.check_pattern(pattern)
        self._optimizers[pattern] = _checked(f"the optimizer of {pattern!r}", optimizer)

    def __delitem__(self, pattern: str) -> None:
        del self._optimizers[pattern]

    def __contains__(self, pattern: Any) -> bool:
        return pattern in self._optimizers

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizers)

    def __len__(self) -> int:
        return len(self._optimizers)

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {
            "default_optimizer": objects.serialize_keras_object(self._default),
            "optimizer_map": {p: objects.serialize_keras_object(o) for p, o in self._optimizers.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> OptimizerMap:
        """Make one from ``get_config``'s result."""
        with objects.CustomObjectScope(custom_objects or {}):
            return cls(**config)


def _checked(what: str, optimizer: Any) -> Optimizer:
    """An optimizer, from its config where need be."""
    optimizer = objects.deserialize_keras_object(optimizer) if isinstance(optimizer, dict) else optimizer
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"OptimizerMap: {what} must be an Optimizer, received {optimizer!r}.")
    return optimizer


class MultiOptimizer(Optimizer):
    """Gives each variable to an optimizer of its own choice; the learning rates are those of the optimizers in ``optimizers``.

    Args:
        optimizer_map: an ``OptimizerMap``, or a function that takes a variable and returns its optimizer.
        loss_scale_factor: what the loss is multiplied by, and gradients are divided by, for all of them.
        name: its name.

    Raises:
        ValueError: something that can't be called, or a function that returns something else than an optimizer.

    Example:
        >>> v, w = Variable([1.0], name="v"), Variable([1.0], name="w")
        >>> optimizer = MultiOptimizer(OptimizerMap(SGD(0.5), {"w": SGD(0.25)}))
        >>> optimizer.apply([ones((1,)), ones((1,))], [v, w])
        >>> float(v[0]), float(w[0])
        (0.5, 0.75)
    """

    def __init__(self, optimizer_map: Any, loss_scale_factor: float | None = None, name: str | None = None) -> None:
        choice: Any = (
            objects.deserialize_keras_object(optimizer_map) if isinstance(optimizer_map, dict) else optimizer_map
        )
        if not callable(choice):
            raise ValueError(f"MultiOptimizer takes an OptimizerMap or a function of a variable, received {choice!r}.")
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map: Callable[[Variable], Any] = choice
        self.optimizers: list[Optimizer] = []
        for optimizer in self._listed():
            self._share_scale(optimizer)
        self._chosen: dict[int, Optimizer] = {}

    def _listed(self) -> list[Optimizer]:
        """The optimizers of a map."""
        choice = self.optimizer_map
        return [*choice.values(), choice.default_optimizer] if isinstance(choice, OptimizerMap) else []

    def _share_scale(self, optimizer: Optimizer) -> None:
        """Let an optimizer divide gradients by this one's factor, which files hold for each."""
        if self.loss_scale_factor is not None:
            optimizer.loss_scale_factor = self.loss_scale_factor

    def _divides(self, variable: Variable) -> bool:
        return variable.overwrite_with_gradient  # the others' gradients are divided by their own optimizers

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        # All optimizers of a map are built, for the order of variables in files doesn't depend on which have work.
        choice = self.optimizer_map
        groups: dict[int, tuple[Optimizer, list[Variable]]] = {id(o): (o, []) for o in self._listed()}
        for variable in variables:
            optimizer = choice(variable)
            if not isinstance(optimizer, Optimizer):
                raise ValueError(
                    f"The function given to MultiOptimizer must return an Optimizer, received {optimizer!r} for the "
                    f"variable {variable.path!r}."
                )
            self._chosen[id(variable)] = optimizer
            groups.setdefault(id(optimizer), (optimizer, []))[1].append(variable)
        super().build(variables)
        self.optimizers = [optimizer for optimizer, _ in groups.values()]
        for optimizer, group in groups.values():
            self._share_scale(optimizer)
            optimizer.build(group)
            self.variables.extend(optimizer.variables)

    @property
    def learning_rate(self) -> Any:
        """None: each of ``optimizers`` has its own."""
        raise AttributeError(_NO_RATE)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(_NO_RATE)

    def _update(self, gradients: list[Tensor], variables: list[Variable], fused: bool) -> None:
        for optimizer in self.optimizers:
            pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if self._chosen[id(v)] is optimizer]
            if pairs:
                optimizer._apply([g for g, _ in pairs], [v for _, v in pairs], fused)

    def moving_average(self, variable: Variable) -> Variable | None:
        optimizer = self._chosen.get(id(variable))
        return None if optimizer is None else optimizer.moving_average(variable)

    def get_config(self) -> dict[str, Any]:
        return {
            "optimizer_map": objects.serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }


_NO_RATE = "A MultiOptimizer has no learning rate of its own: read or set those of its .optimizers."
