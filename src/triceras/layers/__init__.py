"""Layers."""

from typing import Any

from triceras.core import objects
from triceras.layers.activation.activation import Activation
from triceras.layers.activation.elu import ELU
from triceras.layers.activation.leaky_relu import LeakyReLU
from triceras.layers.activation.prelu import PReLU
from triceras.layers.activation.relu import ReLU
from triceras.layers.activation.softmax import Softmax
from triceras.layers.attention.additive_attention import AdditiveAttention
from triceras.layers.attention.attention import Attention
from triceras.layers.attention.grouped_query_attention import GroupedQueryAttention
from triceras.layers.attention.multi_head_attention import MultiHeadAttention
from triceras.layers.convolution.conv1d import Conv1D
from triceras.layers.convolution.conv1d_transpose import Conv1DTranspose
from triceras.layers.convolution.conv2d import Conv2D
from triceras.layers.convolution.conv2d_transpose import Conv2DTranspose
from triceras.layers.convolution.conv3d import Conv3D
from triceras.layers.convolution.conv3d_transpose import Conv3DTranspose
from triceras.layers.convolution.depthwise_conv1d import DepthwiseConv1D
from triceras.layers.convolution.depthwise_conv2d import DepthwiseConv2D
from triceras.layers.convolution.separable_conv1d import SeparableConv1D
from triceras.layers.convolution.separable_conv2d import SeparableConv2D
from triceras.layers.core.dense import Dense
from triceras.layers.core.einsum_dense import EinsumDense
from triceras.layers.core.embedding import Embedding
from triceras.layers.core.flax_layer import FlaxLayer
from triceras.layers.core.identity import Identity
from triceras.layers.core.input_layer import Input, InputLayer
from triceras.layers.core.jax_layer import JaxLayer
from triceras.layers.core.lambda_layer import Lambda
from triceras.layers.core.masking import Masking
from triceras.layers.core.reversible_embedding import ReversibleEmbedding
from triceras.layers.core.tf_module_wrapper import TFModuleWrapper
from triceras.layers.core.tfsm_layer import TFSMLayer
from triceras.layers.core.torch_module_wrapper import TorchModuleWrapper
from triceras.layers.core.wrapper import Wrapper
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.merging.add import Add, add
from triceras.layers.merging.average import Average, average
from triceras.layers.merging.concatenate import Concatenate, concatenate
from triceras.layers.merging.dot import Dot, dot
from triceras.layers.merging.maximum import Maximum, maximum
from triceras.layers.merging.minimum import Minimum, minimum
from triceras.layers.merging.multiply import Multiply, multiply
from triceras.layers.merging.subtract import Subtract, subtract
from triceras.layers.normalization.batch_normalization import BatchNormalization
from triceras.layers.normalization.group_normalization import GroupNormalization
from triceras.layers.normalization.layer_normalization import LayerNormalization
from triceras.layers.normalization.rms_normalization import RMSNormalization
from triceras.layers.normalization.spectral_normalization import SpectralNormalization
from triceras.layers.normalization.unit_normalization import UnitNormalization
from triceras.layers.pooling.adaptive_average_pooling1d import AdaptiveAveragePooling1D
from triceras.layers.pooling.adaptive_average_pooling2d import AdaptiveAveragePooling2D
from triceras.layers.pooling.adaptive_average_pooling3d import AdaptiveAveragePooling3D
from triceras.layers.pooling.adaptive_max_pooling1d import AdaptiveMaxPooling1D
from triceras.layers.pooling.adaptive_max_pooling2d import AdaptiveMaxPooling2D
from triceras.layers.pooling.adaptive_max_pooling3d import AdaptiveMaxPooling3D
from triceras.layers.pooling.average_pooling1d import AveragePooling1D
from triceras.layers.pooling.average_pooling2d import AveragePooling2D
from triceras.layers.pooling.average_pooling3d import AveragePooling3D
from triceras.layers.pooling.global_average_pooling1d import GlobalAveragePooling1D
from triceras.layers.pooling.global_average_pooling2d import GlobalAveragePooling2D
from triceras.layers.pooling.global_average_pooling3d import GlobalAveragePooling3D
from triceras.layers.pooling.global_max_pooling1d import GlobalMaxPooling1D
from triceras.layers.pooling.global_max_pooling2d import GlobalMaxPooling2D
from triceras.layers.pooling.global_max_pooling3d import GlobalMaxPooling3D
from triceras.layers.pooling.max_pooling1d import MaxPooling1D
from triceras.layers.pooling.max_pooling2d import MaxPooling2D
from triceras.layers.pooling.max_pooling3d import MaxPooling3D
from triceras.layers.preprocessing.normalization import Normalization
from triceras.layers.preprocessing.rescaling import Rescaling
from triceras.layers.regularization.activity_regularization import ActivityRegularization
from triceras.layers.regularization.alpha_dropout import AlphaDropout
from triceras.layers.regularization.dropout import Dropout
from triceras.layers.regularization.gaussian_dropout import GaussianDropout
from triceras.layers.regularization.gaussian_noise import GaussianNoise
from triceras.layers.regularization.spatial_dropout1d import SpatialDropout1D
from triceras.layers.regularization.spatial_dropout2d import SpatialDropout2D
from triceras.layers.regularization.spatial_dropout3d import SpatialDropout3D
from triceras.layers.reshaping.cropping1d import Cropping1D
from triceras.layers.reshaping.cropping2d import Cropping2D
from triceras.layers.reshaping.cropping3d import Cropping3D
from triceras.layers.reshaping.flatten import Flatten
from triceras.layers.reshaping.permute import Permute
from triceras.layers.reshaping.repeat_vector import RepeatVector
from triceras.layers.reshaping.reshape import Reshape
from triceras.layers.reshaping.up_sampling1d import UpSampling1D
from triceras.layers.reshaping.up_sampling2d import UpSampling2D
from triceras.layers.reshaping.up_sampling3d import UpSampling3D
from triceras.layers.reshaping.zero_padding1d import ZeroPadding1D
from triceras.layers.reshaping.zero_padding2d import ZeroPadding2D
from triceras.layers.reshaping.zero_padding3d import ZeroPadding3D
from triceras.layers.rnn.bidirectional import Bidirectional
from triceras.layers.rnn.conv_lstm1d import ConvLSTM1D
from triceras.layers.rnn.conv_lstm2d import ConvLSTM2D
from triceras.layers.rnn.conv_lstm3d import ConvLSTM3D
from triceras.layers.rnn.gru import GRU
from triceras.layers.rnn.gru_cell import GRUCell
from triceras.layers.rnn.lstm import LSTM
from triceras.layers.rnn.lstm_cell import LSTMCell
from triceras.layers.rnn.rnn import RNN
from triceras.layers.rnn.simple_rnn import SimpleRNN
from triceras.layers.rnn.simple_rnn_cell import SimpleRNNCell
from triceras.layers.rnn.stacked_rnn_cells import StackedRNNCells
from triceras.layers.rnn.time_distributed import TimeDistributed

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "FlaxLayer",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "GroupQueryAttention",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "JaxLayer",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "ReversibleEmbedding",
    "SeparableConv1D",
    "SeparableConv2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "Subtract",
    "TFModuleWrapper",
    "TFSMLayer",
    "TimeDistributed",
    "TorchModuleWrapper",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

#: The name in the interface of the class that files call otherwise.
GroupQueryAttention = GroupedQueryAttention

#: Older names of the same classes.
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
GlobalAvgPool1D, GlobalMaxPool1D = GlobalAveragePooling1D, GlobalMaxPooling1D
GlobalAvgPool2D, GlobalMaxPool2D = GlobalAveragePooling2D, GlobalMaxPooling2D
GlobalAvgPool3D, GlobalMaxPool3D = GlobalAveragePooling3D, GlobalMaxPooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D

objects.register_builtin(
    "layers", [value for name, value in list(globals().items()) if name in __all__ and isinstance(value, type)]
)


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer as a dictionary that JSON can hold.

    Example:
        >>> layers.serialize(layers.Identity())["class_name"]
        'Identity'
    """
    return objects.serialize_keras_object(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The layer of a dictionary that ``serialize`` made.

    Args:
        config: the dictionary.
        custom_objects: name -> class or function, for what isn't registered.

    Raises:
        ValueError: it isn't that of a layer.

    Example:
        >>> type(layers.deserialize(layers.serialize(layers.Identity()))).__name__
        'Identity'
    """
    layer = objects.deserialize_keras_object(config, custom_objects)
    if not isinstance(layer, Layer):
        raise ValueError(f"deserialize() expects the config of a layer, received that of {layer!r}.")
    return layer
