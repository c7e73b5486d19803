"""Layers."""

from triceras.core import objects
from triceras.layers.activation.activation import Activation
from triceras.layers.activation.relu import ReLU
from triceras.layers.activation.softmax import Softmax
from triceras.layers.attention.multi_head_attention import MultiHeadAttention
from triceras.layers.convolution.conv2d import Conv2D
from triceras.layers.convolution.depthwise_conv2d import DepthwiseConv2D
from triceras.layers.core.dense import Dense
from triceras.layers.core.einsum_dense import EinsumDense
from triceras.layers.core.embedding import Embedding
from triceras.layers.core.input_layer import Input, InputLayer
from triceras.layers.core.lambda_layer import Lambda
from triceras.layers.core.masking import Masking
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
from triceras.layers.normalization.layer_normalization import LayerNormalization
from triceras.layers.pooling.average_pooling2d import AveragePooling2D
from triceras.layers.pooling.global_average_pooling1d import GlobalAveragePooling1D
from triceras.layers.pooling.global_average_pooling2d import GlobalAveragePooling2D
from triceras.layers.pooling.global_max_pooling2d import GlobalMaxPooling2D
from triceras.layers.pooling.max_pooling2d import MaxPooling2D
from triceras.layers.preprocessing.normalization import Normalization
from triceras.layers.preprocessing.rescaling import Rescaling
from triceras.layers.regularization.dropout import Dropout
from triceras.layers.reshaping.flatten import Flatten
from triceras.layers.reshaping.permute import Permute
from triceras.layers.reshaping.reshape import Reshape
from triceras.layers.reshaping.up_sampling2d import UpSampling2D
from triceras.layers.reshaping.zero_padding2d import ZeroPadding2D
from triceras.layers.rnn.bidirectional import Bidirectional
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
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Average",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "InputSpec",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "Masking",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "Permute",
    "ReLU",
    "Rescaling",
    "Reshape",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "StackedRNNCells",
    "Subtract",
    "TimeDistributed",
    "UpSampling2D",
    "Wrapper",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]

#: Older names of the same classes.
AvgPool2D, MaxPool2D = AveragePooling2D, MaxPooling2D
GlobalAvgPool2D, GlobalMaxPool2D = GlobalAveragePooling2D, GlobalMaxPooling2D

objects.register_builtin(
    "layers", [value for name, value in list(globals().items()) if name in __all__ and isinstance(value, type)]
)
