"""Policies of layers that run in a quantized form: values that files name; quantizing is what layers do with them."""

from __future__ import annotations

from typing import Any, ClassVar

from triceras.dtype_policies.policy import DTypePolicy

MODES = ("int8", "float8", "int4", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """The dtypes of a layer before it was quantized, and the quantized form it has.

    Args:
        mode: the form, one of ``MODES``.
        source_name: the name of the policy before; that of the global one by default.

    Raises:
        ValueError: there is no such form, or it can't compute in the policy's dtype.

    Example:
        >>> policy = QuantizedDTypePolicy("int8", "mixed_bfloat16")
        >>> policy.name, policy.compute_dtype, policy.quantization_mode
        ('int8_from_mixed_bfloat16', 'bfloat16', 'int8')
    """

    #: The numbers that a mode has behind slashes, with the values they may have; None for -1 and all from 1.
    numbers: ClassVar[dict[str, tuple[int, ...] | None]] = {}
    #: The forms that the class is for.
    modes: ClassVar[tuple[str, ...]] = MODES

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        kind, *numbers = mode.split("/") if isinstance(mode, str) else [""]
        if kind not in self.modes or len(numbers) != len(self.numbers):
            forms = ", ".join("/".join([known, *(f"<{name}>" for name in self.numbers)]) for known in self.modes)
            raise ValueError(f"The mode of a {type(self).__name__} is one of {forms}; received {mode!r}.")
        super().__init__(source_name)
        for (name, allowed), text in zip(self.numbers.items(), numbers, strict=True):
            setattr(self, name, _number(mode, name, allowed, text))
        self._mode, self._quantization_mode, self._source_name = mode, kind, self._name
        if mode == "int8" and self._compute_dtype == "float16":
            raise ValueError("Layers in int8 can't compute in float16: choose float32 or bfloat16.")
        self._name = f"{mode}_from_{self._source_name}"

    @property
    def quantization_mode(self) -> str | None:
        """The quantized form."""
        return self._quantization_mode

    def get_config(self) -> dict[str, Any]:
        return {"mode": self._mode, "source_name": self._source_name}


def _number(mode: str, name: str, allowed: tuple[int, ...] | None, text: str) -> int:
    number = int(text) if text.removeprefix("-").isdecimal() and len(text) < 10 else 0
    if number not in allowed if allowed else number != -1 and number < 1:
        expected = f"one of {', '.join(map(str, allowed))}" if allowed else "-1 or a positive integer"
        raise ValueError(f"{name} in the mode {mode!r} is {expected}, received {text!r}.")
    return number


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """A policy of layers in 8-bit floats.

    Args:
        mode: ``"float8"``.
        source_name: the name of the policy before.
        amax_history_length: how many steps' greatest values scales are made of.
    """

    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024) -> None:
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(f"amax_history_length is an integer, received {amax_history_length!r}.")
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        """How many steps' greatest values scales are made of."""
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"amax_history_length": self._amax_history_length}


class Int4DTypePolicy(QuantizedDTypePolicy):
    """A policy of layers whose weights have 4 bits, scaled block by block.

    Args:
        mode: ``"int4/<block_size>"``; -1 for one scale a channel.
        source_name: the name of the policy before.
    """

    modes = ("int4",)
    numbers = {"block_size": None}
    mode, block_size = "int4", -1


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """A policy of layers quantized by GPTQ (Frantar et al. 2023).

    Args:
        mode: ``"gptq/<weight_bits>/<group_size>"``; -1 for one group of all.
        source_name: the name of the policy before.
    """

    modes = ("gptq",)
    numbers = {"weight_bits": (2, 3, 4, 8), "group_size": None}
    mode, weight_bits, group_size = "gptq", 4, -1


class AWQDTypePolicy(QuantizedDTypePolicy):
    """A policy of layers quantized by AWQ (Lin et al. 2024).

    Args:
        mode: ``"awq/4/<group_size>"``; -1 for one group a channel.
        source_name: the name of the policy before.
    """

    modes = ("awq",)
    numbers = {"weight_bits": (4,), "group_size": None}
    mode, weight_bits, group_size = "awq", 4, -1


def from_name(name: str) -> QuantizedDTypePolicy:
    """The policy of a name like ``"int8_from_float32"``."""
    mode, _, source = name.partition("_from_")
    kind, slash, _ = mode.partition("/")
    classes = {"float8": QuantizedFloat8DTypePolicy, "gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy}
    classes |= {"int4": Int4DTypePolicy} if slash else {}
    return classes.get(kind, QuantizedDTypePolicy)(mode, source)
