"""The array language that runs on every backend."""

from triceras.ops import image, linalg, nn, numpy
from triceras.ops.control import (
    associative_scan,
    cond,
    custom_gradient,
    fori_loop,
    map,
    scan,
    switch,
    vectorized_map,
    while_loop,
)
from triceras.ops.core import cast, convert_to_numpy, convert_to_tensor, dtype, is_tensor, shape, stop_gradient
from triceras.ops.decompositions import logdet
from triceras.ops.elementwise import rsqrt
from triceras.ops.fourier import extract_sequences, fft, fft2, ifft2, irfft, istft, rfft, stft
from triceras.ops.indexing import scatter, scatter_update, slice, slice_update, top_k
from triceras.ops.linalg import *
from triceras.ops.nn import *
from triceras.ops.numpy import *
from triceras.ops.patterns import rearrange
from triceras.ops.reduce import logsumexp
from triceras.ops.selection import cdist, in_top_k, saturate_cast, segment_max, segment_min, segment_prod, segment_sum
from triceras.ops.shape import unstack
from triceras.ops.transcendental import erf, erfc, erfinv
from triceras.ops.views import view_as_complex, view_as_real

__all__ = [
    "associative_scan", "cast", "cdist", "cond", "convert_to_numpy", "convert_to_tensor", "custom_gradient",
    "dtype", "erf", "erfc", "erfinv", "extract_sequences", "fft", "fft2", "fori_loop", "ifft2", "image", "in_top_k",
    "irfft", "is_tensor", "istft", "linalg", "logdet", "logsumexp", "map", "nn", "numpy", "rearrange", "rfft",
    "rsqrt", "saturate_cast", "scan", "scatter", "scatter_update", "segment_max", "segment_min", "segment_prod",
    "segment_sum", "shape", "slice", "slice_update", "stft", "stop_gradient", "switch", "top_k", "unstack",
    "vectorized_map", "view_as_complex", "view_as_real", "while_loop",
]  # fmt: skip
__all__ += linalg.__all__
__all__ += nn.__all__
__all__ += numpy.__all__
