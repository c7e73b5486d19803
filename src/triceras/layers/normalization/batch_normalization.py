"""Batch normalization."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.arguments import given
from triceras.layers.input_spec import InputSpec
from triceras.layers.normalization.scale_and_offset import ScaleAndOffset
from triceras.ops.normalization import batch_norm_train

_RENORM_KEYS = ("rmax", "rmin", "dmax")
#: Arguments that the base doesn't take.
_OWN = "axis momentum renorm renorm_clipping renorm_momentum synchronized".split()


class BatchNormalization(ScaleAndOffset):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` by channel (Ioffe & Szegedy 2015).

    In training the statistics are the batch's, and moving averages of them are kept; in inference those are used, and so they
    are when the layer is frozen (``trainable=False``).

    Args:
        axis: the axis of channels.
        momentum: of the moving averages.
        epsilon: added to the variance.
        center, scale: whether there are a beta and a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer: penalties.
        beta_constraint, gamma_constraint: projections after each update.
        renorm: whether batches are corrected towards the moving averages in training (Ioffe 2017).
        renorm_clipping: the correction's bounds, ``{"rmax", "rmin", "dmax"}``.
        renorm_momentum: of the moving averages that the correction uses.
        synchronized: whether statistics are taken over all devices.

    Input shape:
        any; for convolutions' ``channels_first`` outputs set ``axis=1``
    Output shape:
        that of the input

    Example:
        >>> shape(BatchNormalization()(ones((2, 3))))
        (2, 3)
    """

    moving_mean_initializer: Any
    moving_variance_initializer: Any

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals(), *_OWN))
        self.axis = int(axis)
        self.momentum = float(momentum)
        unknown = set(renorm_clipping or {}) - set(_RENORM_KEYS)
        if unknown:
            raise ValueError(f"renorm_clipping takes {', '.join(_RENORM_KEYS)}, received {sorted(unknown)}.")
        self.renorm = renorm
        self.renorm_clipping = {} if renorm and renorm_clipping is None else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized

    def build(self, input_shape: Any) -> None:
        channels = self.known_size(input_shape, self.axis)
        self.add_scale_and_offset((channels,))
        self.moving_mean = self._statistic("moving_mean", channels, self.moving_mean_initializer)
        self.moving_variance = self._statistic("moving_variance", channels, self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = self._statistic("moving_stddev", channels, self._initial_stddev)
            self.renorm_mean = self._statistic("renorm_mean", channels, self.moving_mean_initializer)
            self.renorm_stddev = self._statistic("renorm_stddev", channels, self._initial_stddev)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def _initial_stddev(self, shape: Any, dtype: Any = None) -> Tensor:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def _statistic(self, name: str, channels: int, initializer: Any) -> Any:
        return self.add_weight(
            shape=(channels,), initializer=initializer, trainable=False, autocast=False, aggregation="mean", name=name
        )

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        gamma, beta = self.gamma, self.beta
        if not (training and self.trainable):
            statistics = self.moving_mean, self.moving_variance
            if self.moving_mean.dtype != (dtype := ops.dtype(inputs)):
                statistics = ops.cast(statistics[0], dtype), ops.cast(statistics[1], dtype)
            return ops.batch_normalization(inputs, *statistics, self.axis, beta, gamma, self.epsilon)
        if not self.renorm:
            outputs, mean, variance = batch_norm_train(inputs, gamma, beta, self.axis, self.epsilon, mask)
            self._track(self.moving_variance, variance, self.momentum)
        else:
            outputs, mean = self._renormalized(inputs, mask)
        self._track(self.moving_mean, mean, self.momentum)
        return outputs

    def _track(self, statistic: Any, value: Tensor, momentum: float) -> None:
        value = ops.cast(ops.stop_gradient(value), statistic.stored_dtype)
        statistic.assign(statistic.value * momentum + value * (1.0 - momentum))

    def _renormalized(self, inputs: Tensor, mask: Any) -> tuple[Tensor, Tensor]:
        """Normalized by the batch, then moved towards the moving averages by factors that gradients don't see."""
        normal, mean, variance = batch_norm_train(inputs, None, None, self.axis, self.epsilon, mask)
        stddev = ops.sqrt(ops.cast(variance, "float32") + self.epsilon)
        bounds = self.renorm_clipping or {}
        r = ops.stop_gradient(stddev / self.renorm_stddev.value)
        d = ops.stop_gradient((ops.cast(mean, "float32") - self.renorm_mean.value) / self.renorm_stddev.value)
        if "rmax" in bounds:
            r = ops.minimum(r, bounds["rmax"])
        if "rmin" in bounds:
            r = ops.maximum(r, bounds["rmin"])
        if "dmax" in bounds:
            d = ops.clip(d, -bounds["dmax"], bounds["dmax"])
        self._track(self.renorm_mean, mean, self.renorm_momentum)
        self._track(self.renorm_stddev, stddev, self.renorm_momentum)
        self._track(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(ops.maximum(ops.square(self.moving_stddev.value) - self.epsilon, 0.0))
        scale = r if self.gamma is None else r * self.gamma
        offset = d if self.gamma is None else d * self.gamma
        offset = offset if self.beta is None else offset + self.beta
        shape = [1] * len(inputs.shape)
        shape[self.axis] = -1
        outputs = normal * ops.reshape(ops.cast(scale, inputs.dtype), shape) + ops.reshape(
            ops.cast(offset, inputs.dtype), shape
        )
        return outputs, mean

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in _OWN}}
