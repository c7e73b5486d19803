"""Convolutions of one and three axes, transposed, separable and depthwise ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.layers.table import Row, normal, row

#: Inputs by the number of spatial axes, all of different sizes.
BY_RANK = {1: normal(2, 7, 4), 2: normal(2, 5, 6, 4), 3: normal(2, 4, 5, 3, 4)}
STEPS, IMAGES, VOLUMES = BY_RANK.values()
FIRST = {"data_format": "channels_first"}
BARE: dict[str, Any] = {"gradient": False, "mixed": False}

COMMON: dict[str, Any] = {
    "name": "given",
    "trainable": False,
    "dtype": "float16",
    "padding": "same",
    "data_format": "channels_first",
    "activation": "relu",
    "use_bias": False,
    "bias_initializer": "ones",
    "bias_regularizer": "l1",
    "activity_regularizer": "L1L2",
    "bias_constraint": "max_norm",
}
KERNEL = {"kernel_initializer": "he_normal", "kernel_regularizer": "l2", "kernel_constraint": "non_neg"}
DEPTHWISE = {"depthwise_initializer": "he_normal", "depthwise_regularizer": "l2", "depthwise_constraint": "non_neg"}
POINTWISE = {"pointwise_initializer": "ones", "pointwise_regularizer": "l1", "pointwise_constraint": "unit_norm"}


def first(x: np.ndarray) -> np.ndarray:
    """The same with the channels first."""
    return np.moveaxis(x, -1, 1).copy()


def every_argument(rank: int, *, steps: bool, **more: Any) -> dict[str, Any]:
    """Arguments away from their defaults; windows step or have gaps."""
    strides, gaps = (list(range(2, 2 + rank)), 1) if steps else (1, [2] * rank)
    return COMMON | {"kernel_size": [2] * rank, "strides": strides, "dilation_rate": gaps} | more


def plain_rows(rank: int) -> list[Row]:
    """Of Conv1D or Conv3D."""
    name, x, size = f"Conv{rank}D", BY_RANK[rank], {"filters": 4, "kernel_size": 2}
    uneven = {"filters": 3, "kernel_size": (3, 2, 3)[:rank], "strides": (2, 1, 3)[:rank]}
    config = every_argument(rank, steps=False, filters=4, groups=2, **KERNEL)
    return [
        row(name, size, x, config=config, unknown=tuple(range(rank + 1)), jit=rank == 1),
        row(name, uneven | {"padding": "same"}, x, name="strides"),
        row(name, uneven | FIRST | {"activation": "tanh"}, first(x), name="first"),
        row(name, size | {"groups": 2, "use_bias": False, "dilation_rate": 2}, x, name="groups"),
        row(name, size | FIRST | {"padding": "same", "groups": 2}, first(x), name="groups-first", **BARE),
        row(name, size | {"lora_rank": 2, "lora_alpha": 2}, x, name="lora"),
    ]


def transposed_rows(rank: int) -> list[Row]:
    """Of a transposed convolution."""
    name, x = f"Conv{rank}DTranspose", BY_RANK[rank]
    size = {"filters": 3, "kernel_size": 3}
    uneven = {"filters": 3, "kernel_size": (3, 2, 2)[:rank], "strides": (2, 3, 1)[:rank]}
    config = every_argument(rank, steps=True, filters=4, output_padding=[1] * rank, **KERNEL)
    return [
        row(name, size, x, config=config, unknown=tuple(range(rank + 1)), jit=rank == 1),
        row(name, uneven | {"padding": "same", "activation": "tanh"}, x, name="same"),
        row(name, uneven | FIRST, first(x), name="first", mixed=rank < 3),
        row(name, size | {"dilation_rate": 2, "use_bias": False}, x, name="dilation"),
        row(name, size | FIRST | {"dilation_rate": 2, "padding": "same"}, first(x), name="gaps-first", **BARE),
        *(
            row(
                name,
                size | {"strides": 2, "padding": padding, "output_padding": more},
                x,
                name=f"{padding}-{more}",
                **BARE,
            )
            for padding, more in (("valid", 0), ("valid", 1), ("same", 0), ("same", 1))
        ),
        row(name, {"filters": 3, "kernel_size": 2, "strides": 3}, x, name="apart", **BARE),
    ]


def depthwise_rows(layer: str, rank: int, **more: Any) -> list[Row]:
    """Of a depthwise or separable convolution."""
    name, x = f"{layer}{rank}D", BY_RANK[rank]
    size = {"kernel_size": 2} | more
    uneven = {"kernel_size": (3, 2)[:rank], "strides": (1, 2)[-rank:]} | more
    roles = DEPTHWISE | (POINTWISE if more else {})
    config = every_argument(rank, steps=True, depth_multiplier=2, **more, **roles)
    return [
        row(name, size, x, config=config, unknown=tuple(range(rank + 1)), jit=rank == 1),
        row(name, uneven | {"padding": "same", "depth_multiplier": 2}, x, name="strides"),
        row(name, uneven | FIRST | {"activation": "tanh"}, first(x), name="first"),
        row(name, size | {"dilation_rate": 2, "use_bias": False}, x, name="dilation"),
        row(name, size | FIRST | {"dilation_rate": 2, "padding": "same"}, first(x), name="gaps-first", **BARE),
        row(name, size | {"dilation_rate": 2, "strides": 2}, x, name="steps-and-gaps"),
    ]


CAUSAL = {"filters": 3, "kernel_size": 3, "padding": "causal"}

ROWS: list[Row] = [
    *plain_rows(1),
    *plain_rows(3),
    row("Conv1D", CAUSAL | {"dilation_rate": 2}, STEPS, unknown=(0, 1), config=COMMON | CAUSAL, name="causal"),
    row("Conv1D", CAUSAL | FIRST | {"strides": 2}, first(STEPS), name="causal-first"),
    row("Conv1D", {"filters": 3, "kernel_size": 9, "padding": "same"}, STEPS, name="wide", **BARE),
    row("Conv1D", {"filters": 3, "kernel_size": 9, "padding": "causal"}, STEPS, name="wide-causal", **BARE),
    row("Conv2D", {"filters": 4, "kernel_size": 2, "groups": 2} | FIRST, first(IMAGES), name="groups-first"),
    *(each for rank in (1, 2, 3) for each in transposed_rows(rank)),
    *depthwise_rows("DepthwiseConv", 1),
    *depthwise_rows("DepthwiseConv", 2)[1:],
    *depthwise_rows("SeparableConv", 1, filters=3),
    *depthwise_rows("SeparableConv", 2, filters=3),
]

SIZE = {"filters": 3, "kernel_size": 3}
ERRORS: list[Any] = [
    ("Conv1D", SIZE | {"filters": 2.0}, (STEPS,), r"Layer 'conv1d.*': filters is a positive integer, received 2\.0"),
    ("Conv1D", SIZE | {"groups": 0}, (STEPS,), "groups is a positive integer, received 0"),
    (
        "Conv1D",
        SIZE | {"kernel_size": 0},
        (STEPS,),
        r"'conv1d.*': kernel_size is an integer of at least 1, .* received 0",
    ),
    (
        "Conv1D",
        SIZE | {"strides": (1, 2)},
        (STEPS,),
        r"strides is an integer of at least 1, or 1 of them, received \(1, 2\)",
    ),
    ("Conv1D", SIZE | {"dilation_rate": 1.5}, (STEPS,), r"dilation_rate is an integer .* received 1\.5"),
    ("Conv1D", SIZE | {"padding": "full"}, (STEPS,), "padding is one of valid, same, causal, received 'full'"),
    ("Conv1D", SIZE | {"data_format": "last"}, (STEPS,), "last"),
    (
        "Conv1D",
        SIZE | {"kernel_constrain": "l2"},
        (STEPS,),
        "Conv1D received arguments it doesn't know: kernel_constrain",
    ),
    ("Conv1D", SIZE, (IMAGES,), "Input 0 of layer .* expected ndim=3, received ndim=4"),
    ("Conv1D", SIZE | {"kernel_size": 8}, (STEPS,), "a window of 8 doesn't fit an axis of 7"),
    ("Conv1D", SIZE | {"dilation_rate": 4}, (STEPS,), "a window of 9 doesn't fit an axis of 7"),
    ("Conv1D", SIZE, (STEPS[:, :0],), "a window of 3 doesn't fit an axis of 0"),
    ("Conv3D", SIZE | {"padding": "causal"}, (VOLUMES,), "padding is one of valid, same, received 'causal'"),
    ("Conv3D", SIZE | {"groups": 3}, (VOLUMES,), "must be known and a multiple of groups=3, received 4"),
    ("Conv3D", SIZE | {"strides": 2, "dilation_rate": 2}, (VOLUMES,), "strides and dilation_rate can't both exceed 1"),
    ("Conv3D", SIZE | {"lora_rank": -1}, (VOLUMES,), "the rank of LoRA is a positive integer, received -1"),
    ("Conv1DTranspose", SIZE | {"padding": "causal"}, (STEPS,), "padding is one of valid, same, received 'causal'"),
    (
        "Conv1DTranspose",
        SIZE | {"output_padding": 1},
        (STEPS,),
        r"output_padding is less than strides .* \(1,\) and \(1,\)",
    ),
    ("Conv2DTranspose", SIZE | {"output_padding": (0, -1)}, (IMAGES,), "output_padding is an integer of at least 0"),
    ("Conv2DTranspose", SIZE | {"strides": 2, "dilation_rate": 2}, (IMAGES,), "can't both exceed 1"),
    ("Conv3DTranspose", SIZE | {"groups": 2}, (VOLUMES,), "arguments it doesn't know: groups"),
    ("Conv3DTranspose", SIZE, (IMAGES,), "expected ndim=5, received ndim=4"),
    ("SeparableConv1D", SIZE | {"depth_multiplier": 0}, (STEPS,), "depth_multiplier is a positive integer, received 0"),
    ("SeparableConv1D", SIZE | {"padding": "causal"}, (STEPS,), "padding is one of valid, same, received 'causal'"),
    ("SeparableConv2D", SIZE | {"filters": None}, (IMAGES,), "filters is a positive integer, received None"),
    ("SeparableConv2D", SIZE | {"kernel_size": 7}, (IMAGES,), "a window of 7 doesn't fit an axis of 5"),
    ("DepthwiseConv1D", {"kernel_size": 8}, (STEPS,), "a window of 8 doesn't fit an axis of 7"),
    ("DepthwiseConv1D", {"kernel_size": 2, "filters": 3}, (STEPS,), "arguments it doesn't know: filters"),
]
