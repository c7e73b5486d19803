"""Layers."""

from triceras.core import objects
from triceras.layers.activation.activation import Activation
from triceras.layers.activation.relu import ReLU
from triceras.layers.activation.softmax import Softmax
from triceras.layers.convolution.conv2d import Conv2D
from triceras.layers.core.dense import Dense
from triceras.layers.core.embedding import Embedding
from triceras.layers.core.input_layer import Input, InputLayer
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.normalization.batch_normalization import BatchNormalization
from triceras.layers.normalization.layer_normalization import LayerNormalization
from triceras.layers.pooling.average_pooling2d import AveragePooling2D
from triceras.layers.pooling.global_average_pooling2d import GlobalAveragePooling2D
from triceras.layers.pooling.global_max_pooling2d import GlobalMaxPooling2D
from triceras.layers.pooling.max_pooling2d import MaxPooling2D
from triceras.layers.regularization.dropout import Dropout
from triceras.layers.reshaping.flatten import Flatten

__all__ = [
    "Activation",
    "AveragePooling2D",
    "BatchNormalization",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "LayerNormalization",
    "MaxPooling2D",
    "ReLU",
    "Softmax",
]

objects.register_builtin(
    "layers", [value for name, value in list(globals().items()) if name in __all__ and isinstance(value, type)]
)
