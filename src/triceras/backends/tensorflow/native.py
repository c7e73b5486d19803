"""What makes variables and layers at home in TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class VariableMixin:
    """Lets a variable stand wherever TensorFlow takes a tensor or, on a tape, a resource variable."""

    value: Any
    state: Any
    #: Tapes ask for it before they look for a handle.
    _should_act_as_resource_variable = True

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> tf.Tensor:
        return tf.convert_to_tensor(self.value, dtype, name=name)

    @property
    def handle(self) -> Any:
        """The resource that tapes differentiate with respect to."""
        return self.state.handle

    @property
    def is_initialized(self) -> bool:
        return True


class LayerMixin(tf.__internal__.tracking.AutoTrackable):
    """Makes a layer trackable, so that ``tf.saved_model.save`` and checkpoints find its variables."""

    def _native_track(self, name: str, value: Any) -> None:
        """Register a tracked attribute."""
        if isinstance(value, VariableMixin):
            value.when_stored(lambda: self._track_trackable(value.state, name, overwrite=True))  # type: ignore[attr-defined]
        elif isinstance(value, tf.__internal__.tracking.Trackable):
            self._track_trackable(value, name, overwrite=True)
