"""Symbolic tensors, and what calling ops and layers on them records."""

from triceras.graph.function import Function
from triceras.graph.node import Node
from triceras.graph.operation import OpCall, Operation
from triceras.graph.symbol import KerasTensor, is_keras_tensor

__all__ = ["Function", "KerasTensor", "Node", "OpCall", "Operation", "is_keras_tensor"]
