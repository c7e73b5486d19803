"""Settings that hold for the whole process, and where their first values come from.

In this order: the setter, the environment, the user's file (``$TRICERAS_HOME/triceras.json``, else
``~/.triceras/triceras.json``, else ``~/.keras/keras.json`` where it holds more than what Keras writes there by itself), the
default. Nothing is written at import.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

_FLOATX = ("bfloat16", "float16", "float32", "float64")
_DATA_FORMATS = ("channels_last", "channels_first")
#: What Keras writes into its file unasked when it is first imported, as TensorFlow does: nobody's wish, so it is passed over.
_WRITTEN_BY_KERAS = {
    "floatx": "float32",
    "epsilon": 1e-07,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}


def _user_file() -> dict[str, Any]:
    home = os.environ.get("TRICERAS_HOME")
    folders = [pathlib.Path(home)] if home else [pathlib.Path.home() / ".triceras"]
    candidates = [folder / "triceras.json" for folder in folders] + [pathlib.Path.home() / ".keras" / "keras.json"]
    for path in candidates:
        try:
            text = path.read_text()
        except OSError:
            continue
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ValueError(f"The settings in {path} are not valid JSON: {error}. Mend or remove the file.") from error
        if not isinstance(values, dict) or (path.name == "keras.json" and values == _WRITTEN_BY_KERAS):
            return {}
        return values
    return {}


class _Settings:
    """The process-wide values; one instance, ``values``."""

    def __init__(self) -> None:
        user = _user_file()
        self.user_backend: str | None = user.get("backend")
        self.floatx: str = _one_of("floatx", user.get("floatx", "float32"), _FLOATX)
        self.epsilon: float = float(user.get("epsilon", 1e-7))
        self.image_data_format: str = _one_of(
            "image_data_format", user.get("image_data_format", "channels_last"), _DATA_FORMATS
        )
        self.max_epochs: int | None = _integer_from_environment("MAX_EPOCHS")
        self.max_steps_per_epoch: int | None = _integer_from_environment("MAX_STEPS_PER_EPOCH")
        self.interactive_logging = True
        self.traceback_filtering = True
        self.flash_attention: bool | None = None
        self.unsafe_deserialization = False


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    value = str(value)
    if value not in allowed:
        raise ValueError(f"Unknown {name}: {value!r}. Expected one of: {', '.join(allowed)}.")
    return value


def _integer_from_environment(suffix: str) -> int | None:
    for name in (f"TRICERAS_{suffix}", f"KERAS_{suffix}"):
        if os.environ.get(name):
            return int(os.environ[name])
    return None


values = _Settings()
#: Called when a value changes that others have drawn conclusions from.
listeners: list[Callable[[], None]] = []


def floatx() -> str:
    """The default floating dtype, ``"float32"`` unless set otherwise.

    Example:
        >>> floatx()
        'float32'
    """
    return values.floatx


def set_floatx(value: str) -> None:
    """Set the default floating dtype: bfloat16, float16, float32 or float64."""
    values.floatx = _one_of("floatx", value, _FLOATX)
    for listener in listeners:
        listener()


def epsilon() -> float:
    """The small constant that keeps divisions and logarithms finite, 1e-7 unless set otherwise."""
    return values.epsilon


def set_epsilon(value: float) -> None:
    """Set the small constant that keeps divisions and logarithms finite."""
    values.epsilon = float(value)


def image_data_format() -> str:
    """``"channels_last"`` (the default) or ``"channels_first"``."""
    return values.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default position of the channels axis: ``"channels_last"`` or ``"channels_first"``."""
    values.image_data_format = _one_of("image_data_format", data_format, _DATA_FORMATS)


def standardize_data_format(data_format: str | None) -> str:
    """The data format given, checked; the default one for None."""
    return values.image_data_format if data_format is None else _one_of("data_format", data_format, _DATA_FORMATS)


def max_epochs() -> int | None:
    """The cap on epochs of any ``fit``, or None."""
    return values.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Cap the epochs of every ``fit``; None removes the cap."""
    values.max_epochs = max_epochs


def max_steps_per_epoch() -> int | None:
    """The cap on steps of any epoch, or None."""
    return values.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Cap the steps of every epoch of ``fit``, ``evaluate`` and ``predict``; None removes the cap."""
    values.max_steps_per_epoch = max_steps_per_epoch


def is_interactive_logging_enabled() -> bool:
    """Whether progress is drawn on the terminal."""
    return values.interactive_logging


def enable_interactive_logging() -> None:
    """Draw progress on the terminal."""
    values.interactive_logging = True


def disable_interactive_logging() -> None:
    """Send progress to Python's logging instead of the terminal."""
    values.interactive_logging = False


def is_traceback_filtering_enabled() -> bool:
    """Whether the library's own frames are left out of tracebacks."""
    return values.traceback_filtering


def enable_traceback_filtering() -> None:
    """Leave the library's own frames out of tracebacks."""
    values.traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Show whole tracebacks."""
    values.traceback_filtering = False


def is_flash_attention_enabled() -> bool | None:
    """True or False where it was chosen, None where the backend may decide."""
    return values.flash_attention


def enable_flash_attention() -> None:
    """Use fused attention kernels wherever the backend has one that fits."""
    values.flash_attention = True


def disable_flash_attention() -> None:
    """Never use fused attention kernels."""
    values.flash_attention = False


def enable_unsafe_deserialization() -> None:
    """Let files carry code (``Lambda``) for the rest of this process. Only for files whose author you trust."""
    values.unsafe_deserialization = True
