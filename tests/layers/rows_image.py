"""Convolutions, pooling, padding and upsampling of images, and normalization."""

from __future__ import annotations

from typing import Any

from tests.layers.table import Row, lengths, normal, row

X = normal(2, 5, 6, 4)
FIRST = {"data_format": "channels_first"}
COMMON: dict[str, Any] = {"name": "given", "trainable": False, "dtype": "float16"}
CONV_ALL = COMMON | {
    "filters": 4,
    "kernel_size": 3,
    "strides": [2, 1],
    "padding": "same",
    "data_format": "channels_first",
    "dilation_rate": [1, 1],
    "groups": 2,
    "activation": "relu",
    "use_bias": False,
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "L1L2",
    "kernel_constraint": "non_neg",
    "bias_constraint": "max_norm",
}
DEPTHWISE_ALL = COMMON | {
    "kernel_size": [3, 2],
    "strides": 1,
    "padding": "same",
    "depth_multiplier": 2,
    "data_format": "channels_first",
    "dilation_rate": 2,
    "activation": "relu",
    "use_bias": False,
    "depthwise_initializer": "he_normal",
    "bias_initializer": "ones",
    "depthwise_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "L1L2",
    "depthwise_constraint": "non_neg",
    "bias_constraint": "max_norm",
}
POOL_ALL = COMMON | {"pool_size": [3, 2], "strides": 2, "padding": "same", "data_format": "channels_first"}
NORM_ALL = COMMON | {
    "epsilon": 0.01,
    "center": False,
    "scale": False,
    "beta_initializer": "ones",
    "gamma_initializer": "zeros",
    "beta_regularizer": "l2",
    "gamma_regularizer": "l1",
    "beta_constraint": "non_neg",
    "gamma_constraint": "max_norm",
}
BATCH_ALL = NORM_ALL | {
    "axis": 1,
    "momentum": 0.9,
    "moving_mean_initializer": "ones",
    "moving_variance_initializer": "zeros",
    "renorm": True,
    "renorm_clipping": {"rmax": 3.0, "rmin": 0.3, "dmax": 5.0},
    "renorm_momentum": 0.8,
}
TRAINING = {"training": True}
#: Half of the samples of the batch normalized; the statistics are of steps that count.
STEPS, MASK = normal(2, 5, 3), lengths(5, 3, 5)


def trained_then_used(layers: Any, **more: Any) -> Any:
    """What inference gives after a batch was seen: the moving averages decide."""

    class Twice(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.norm = layers.BatchNormalization(momentum=0.6)

        def build(self, input_shape: Any) -> None:
            self.norm.build(input_shape)

        def call(self, x: Any) -> Any:
            self.norm(x, training=True)
            return self.norm(x, training=False)

    return Twice(**more)


def frozen(layers: Any, **more: Any) -> Any:
    """A batch normalization that doesn't train."""
    layer = layers.BatchNormalization(**more)
    layer.trainable = False
    return layer


ROWS: list[Row] = [
    row("Conv2D", {"filters": 3, "kernel_size": 3}, X, config=CONV_ALL, unknown=(0, 1, 2), jit=True),
    row("Conv2D", {"filters": 3, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same"}, X, name="strides"),
    row("Conv2D", {"filters": 3, "kernel_size": 2, "dilation_rate": 2, "padding": "same"}, X, name="dilation"),
    row("Conv2D", {"filters": 6, "kernel_size": 2, "groups": 2, "use_bias": False}, X, name="groups"),
    row(
        "Conv2D",
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "tanh"} | FIRST,
        X,
        name="first",
    ),
    row("DepthwiseConv2D", {"kernel_size": 3}, X, config=DEPTHWISE_ALL, unknown=(0, 1, 2)),
    row(
        "DepthwiseConv2D",
        {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2, "activation": "relu"},
        X,
        name="strides",
    ),
    row(
        "DepthwiseConv2D",
        {"kernel_size": 2, "dilation_rate": 2, "depth_multiplier": 2, "use_bias": False} | FIRST,
        X,
        name="first",
    ),
    row("MaxPooling2D", {}, X, config=POOL_ALL, unknown=(0, 1, 2), gradient=False),
    row("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, X, name="same", gradient=False),
    row("MaxPooling2D", {"pool_size": (2, 3), "strides": 1} | FIRST, X, name="first", gradient=False, mixed=False),
    row("AveragePooling2D", {"pool_size": 2}, X, config=POOL_ALL, unknown=(0, 1, 2), gradient=False),
    row("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, X, name="same", gradient=False),
    row("AveragePooling2D", {"pool_size": 2, "padding": "same"} | FIRST, X, name="first", gradient=False, mixed=False),
    *(
        each
        for layer in ("GlobalMaxPooling2D", "GlobalAveragePooling2D")
        for each in (
            row(layer, {}, X, config=COMMON | FIRST | {"keepdims": True}, unknown=(0, 1, 2), gradient=False),
            row(layer, {"keepdims": True} | FIRST, X, name="first", gradient=False, mixed=False),
        )
    ),
    row("ZeroPadding2D", {}, X, config=COMMON | FIRST | {"padding": [[1, 2], [3, 4]]}, unknown=(0, 1), gradient=False),
    row("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, X, name="sides", gradient=False, mixed=False),
    row("ZeroPadding2D", {"padding": (0, 2)} | FIRST, X, name="first", gradient=False, mixed=False),
    row(
        "UpSampling2D",
        {},
        X,
        config=COMMON | FIRST | {"size": [2, 3], "interpolation": "bilinear"},
        unknown=(0, 1, 2),
        gradient=False,
    ),
    row("UpSampling2D", {"size": (3, 2), "interpolation": "bilinear"}, X, name="bilinear", gradient=False),
    row("UpSampling2D", {"size": (1, 2)} | FIRST, X, name="first", gradient=False, mixed=False),
    row("UpSampling2D", {"interpolation": "bilinear"} | FIRST, X, name="bilinear-first", gradient=False, mixed=False),
    row("BatchNormalization", {}, X, config=BATCH_ALL, unknown=(0, 1, 2)),
    row("BatchNormalization", {"momentum": 0.9, "epsilon": 0.01}, X, call=TRAINING, name="training", jit=True),
    row("BatchNormalization", {"axis": 1, "scale": False}, X, call=TRAINING, name="axis-training"),
    row("BatchNormalization", {"axis": 1, "center": False}, X, name="axis"),
    row("BatchNormalization", {}, normal(6, 3), call=TRAINING, name="features", mixed=False),
    row("BatchNormalization", {}, STEPS, call=TRAINING | {"mask": MASK}, name="mask", mixed=False),
    row("BatchNormalization", {"renorm": True}, X, call=TRAINING, name="renorm", calls=2, mixed=False),
    row(trained_then_used, {}, X, file=False, mixed=False),
    row(frozen, {}, X, call=TRAINING, gradient=False, mixed=False),
    row("LayerNormalization", {}, X, config=NORM_ALL | {"axis": [1, 2]}, unknown=(0, 1, 2), jit=True),
    row("LayerNormalization", {"axis": (2, 3), "epsilon": 0.01}, X, name="axes"),
    row("LayerNormalization", {"axis": [1, 2, 3], "center": False}, X, name="all", mixed=False),
    row("LayerNormalization", {"axis": 1, "scale": False}, STEPS, name="axis", mixed=False),
    row("LayerNormalization", {"center": False, "scale": False}, STEPS, name="bare", gradient=False, mixed=False),
]

ERRORS: list[Any] = [
    ("Conv2D", {"filters": 0, "kernel_size": 3}, (X,), "filters is a positive integer, received 0"),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2}, (X,), "filters must be a multiple of groups"),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 3}, (X,), "multiple of groups=3, received 4"),
    ("Conv2D", {"filters": 3, "kernel_size": (3, 3, 3)}, (X,), "kernel_size is an integer of at least 1, or 2"),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "causal"}, (X,), "padding is one of valid, same"),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 2, "dilation_rate": 2}, (X,), "can't both exceed 1"),
    ("Conv2D", {"filters": 3, "kernel_size": 7}, (X,), "a window of 7 doesn't fit an axis of 5"),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, (X[0],), "Input 0 of layer .* expected ndim=4, received ndim=3"),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}, (X,), "depth_multiplier is a positive integer"),
    ("DepthwiseConv2D", {"kernel_size": 3, "padding": "causal"}, (X,), "padding is one of valid, same"),
    ("MaxPooling2D", {"pool_size": 9}, (X,), "a window of 9 doesn't fit"),
    ("AveragePooling2D", {"pool_size": 2, "padding": "full"}, (X,), "padding is 'valid' or 'same', received 'full'"),
    ("GlobalMaxPooling2D", {}, (X[0],), "expected ndim=4"),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}, (X,), "padding is an integer of at least 0"),
    ("UpSampling2D", {"interpolation": "cubic"}, (X,), "interpolation is one of nearest"),
    ("BatchNormalization", {"renorm_clipping": {"max": 1.0}}, (X,), "renorm_clipping takes rmax, rmin, dmax"),
    ("LayerNormalization", {"axis": "last"}, (X,), "axis is an integer or several, received 'last'"),
]
