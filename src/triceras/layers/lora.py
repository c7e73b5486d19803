"""Low-rank adaptation: a frozen weight and the product of two small ones that are trained in its stead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from triceras import initializers, ops
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer


class Factored(property):
    """The attribute of the weight that can be factored: its variable, or with LoRA the value merged from all three.

    The variable itself is kept under the attribute's name with an underscore before it.
    """

    def __init__(self) -> None:
        super().__init__(self._read, self._write)

    def __set_name__(self, owner: Any, name: str) -> None:
        owner.factored_weight, owner._variable = name, f"_{name}"

    def _read(self, layer: LowRank) -> Any:
        found = layer.__dict__.get(layer._variable)
        if found is None:
            raise AttributeError(
                f"Layer {layer.path!r} has no {layer.factored_weight!r} yet. Build it or call it first."
            )
        return layer.merged_weight() if layer.lora_enabled else found

    def _write(self, layer: LowRank, value: Any) -> None:
        setattr(layer, layer._variable, value)


class LowRank(Layer):
    """A layer one of whose weights can be trained by a low-rank update (LoRA, Hu et al., 2021, arXiv:2106.09685).

    With W the weight, A its factor of the same shape but for ``rank`` in place of the last size, and B of the shape
    ``(rank, last size)``, the layer computes with ``W + alpha / rank * A @ B``. B starts as zeros, so nothing changes at
    first; W is frozen. Files hold the sum alone, which layers without LoRA read.

    A subclass says which weight it is by a ``Factored`` attribute of its class, takes ``lora_rank`` and ``lora_alpha``, calls
    ``factor_if_asked`` when it has made its weights and computes by ``through_weight``.

    Example:
        >>> layer = layers.Dense(4)
        >>> layer.build((None, 3))
        >>> layer.enable_lora(rank=2)
        >>> [(v.name, v.shape) for v in layer.trainable_variables]
        [('bias', (4,)), ('lora_kernel_a', (3, 2)), ('lora_kernel_b', (2, 4))]
    """

    #: The weight's name, and the attribute that holds its variable; ``Factored`` sets both.
    factored_weight: str
    _variable: str
    lora_rank: int | None
    lora_alpha: float | None
    #: Whether the weight is factored.
    lora_enabled: bool = False

    # ---- making -----------------------------------------------------------------------------------------------------

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the weight and add the two factors that are trained instead. A compiled model is compiled anew after it.

        Args:
            rank: of the update, a positive integer.
            lora_alpha: the update is multiplied with ``lora_alpha / rank``; the rank by default.
            a_initializer, b_initializer: first values of the factors.

        Raises:
            ValueError: the layer isn't built, has been factored already, its weight has a constraint, or the rank is none.
        """
        if not self.built:
            raise ValueError(
                f"Layer {self.path!r} isn't built, so there is no weight to factor. Build it or call it first."
            )
        self._factor(rank, lora_alpha, a_initializer, b_initializer)

    def factor_if_asked(self) -> None:
        """Factor the weight if the constructor was given a rank."""
        if self.lora_rank:
            self._factor(self.lora_rank, self.lora_alpha)

    def _factor(self, rank: int, alpha: Any, a_initializer: Any = "he_uniform", b_initializer: Any = "zeros") -> None:
        name, weight = self.factored_weight, self._unmerged
        if self.lora_enabled:
            raise ValueError(f"Layer {self.path!r} has LoRA of rank {self.lora_rank} already; it is enabled once.")
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise ValueError(f"Layer {self.path!r}: the rank of LoRA is a positive integer, received {rank!r}.")
        if weight.constraint is not None:
            raise ValueError(
                f"Layer {self.path!r}: LoRA trains factors, of which the constraint {weight.constraint!r} on {name!r} knows "
                f"nothing. Leave {name}_constraint out."
            )
        *leading, last = weight.shape
        for letter, shape, initializer in (("a", (*leading, rank), a_initializer), ("b", (rank, last), b_initializer)):
            variable = self.add_weight(
                shape=shape,
                initializer=initializers.get(initializer),
                regularizer=weight.regularizer,
                name=f"lora_{name}_{letter}",
            )
            setattr(self, f"lora_{name}_{letter}", variable)
        weight.trainable = False
        self.lora_rank, self.lora_alpha = rank, rank if alpha is None else alpha
        self.lora_enabled = True

    @property
    def _unmerged(self) -> Any:
        return self.__dict__[self._variable]

    @property
    def _factors(self) -> tuple[Any, Any]:
        return getattr(self, f"lora_{self.factored_weight}_a"), getattr(self, f"lora_{self.factored_weight}_b")

    # ---- computing --------------------------------------------------------------------------------------------------

    def merged_weight(self) -> Tensor:
        """The weight with its update."""
        return ops.add(self._unmerged, self._scaled(ops.matmul(*self._factors)))

    def through_weight(self, function: Callable[[Any], Tensor], splits: bool = True) -> Tensor:
        """What a layer computes with its weight, by a function that is linear in it.

        Args:
            function: takes the weight, or one with another last size.
            splits: whether that last axis is the outputs' last one too. Then A and B are applied one after the other, and
                nothing of the size of the weight is made, neither here nor for the gradient.
        """
        if not self.lora_enabled:
            return function(self.__dict__[self._variable])
        if not splits:
            return function(self.merged_weight())
        a, b = self._factors
        return ops.add(function(self._unmerged), self._scaled(ops.matmul(function(a), b)))

    def _scaled(self, update: Tensor) -> Tensor:
        scale = self.lora_alpha / self.lora_rank  # type: ignore[operator]
        return update if scale == 1 else ops.multiply(update, scale)

    # ---- state ------------------------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether training changes this layer; the factored weight stays as it is in any case."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        Layer.trainable.fset(self, value)  # type: ignore[attr-defined]
        if self.lora_enabled:
            self._unmerged.trainable = False

    def get_config(self) -> dict[str, Any]:
        lora = {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha} if self.lora_rank else {}
        return {**super().get_config(), **lora}

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own variables into a mapping, the factored one as its merged value."""
        for position, variable in enumerate(self._variables_in_files()):
            merged = self.lora_enabled and variable is self._unmerged
            store[str(position)] = ops.convert_to_numpy(self.merged_weight()) if merged else variable

    def load_own_variables(self, store: Any) -> None:
        """Set the layer's own variables from a mapping; the update is taken back to zero, its factor A being left."""
        super().load_own_variables(store)
        if self.lora_enabled:
            self._factors[1].assign(np.zeros(self._factors[1].shape))

    def _variables_in_files(self) -> list[Any]:
        factors = {id(factor) for factor in self._factors} if self.lora_enabled else ()
        return [v for v in self._own_variables() if id(v) not in factors]
