"""Rows for images."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
from scipy import ndimage

from tests.ops.table import FLOATS, integers, normal, row, uniform

IMAGES = normal(2, 6, 4, 3)
COLOURS = uniform(0.0, 1.0, 2, 3, 4, 3)
BYTES = integers(0, 256, 2, 5, 4, 3, dtype="uint8")
VOLUMES = normal(2, 4, 5, 3, 2)
FIRST = (0, 3, 1, 2)
#: Names here -> those of SciPy.
MODES = {
    "constant": "grid-constant",
    "nearest": "nearest",
    "wrap": "grid-wrap",
    "mirror": "mirror",
    "reflect": "reflect",
}
#: No coordinate within 0.01 of a half or a whole: 16 bits would tip it over.
PLACES = integers(-9, 12, 2, 3, 10) + uniform(0.0, 0.5, 2, 3, 10)
#: Without a pixel that falls half-way between two.
TURN = np.array(
    [[0.913, 0.207, -0.316, 0.109, 1.127, 0.431, 0.0, 0.0], [1.217, -0.311, 0.519, 0.307, 0.823, -1.219, 0.03, 0.02]]
)
CORNERS = np.array([[[0.0, 0], [3, 0], [0, 5], [3, 5]]] * 2)
MOVED = CORNERS + np.array(
    [[[0.5, 0.2], [-0.4, 0.3], [0.1, -0.6], [0.2, -0.1]], [[0.1, 1], [0.2, 1], [0.4, 1], [0.3, 1]]]
)
LARGE, OTHER = uniform(0.0, 1.0, 2, 13, 12, 3), uniform(0.0, 1.0, 2, 13, 12, 3, seed=1)


def _nearest(x: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    rows, columns = (
        np.floor((np.arange(n) + 0.5) * o / n).astype(int) for o, n in zip(x.shape[1:3], size, strict=True)
    )
    return x[:, rows][:, :, columns]


def _colours(function: Any, x: np.ndarray) -> np.ndarray:
    return np.array([function(*pixel) for pixel in x.reshape(-1, 3)]).reshape(x.shape)


def _gray(x: np.ndarray, data_format: str = "channels_last") -> np.ndarray:
    axis = -1 if data_format == "channels_last" else -3
    gray = np.expand_dims(np.tensordot(x, [0.2989, 0.587, 0.114], ([axis], [0])), axis)
    return gray.astype(x.dtype) if x.dtype.kind in "iu" else gray


def _mapped(x: np.ndarray, places: np.ndarray, order: int, mode: str = "constant", value: float = 0) -> np.ndarray:
    return ndimage.map_coordinates(x, places, order=order, mode=MODES[mode], cval=value)


def _warped(
    x: np.ndarray,
    maps: np.ndarray,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str = "channels_last",
) -> np.ndarray:
    """Pixel by pixel through SciPy."""
    if data_format == "channels_first":
        x = np.moveaxis(x, -3, -1)
    batch = x if x.ndim == 4 else x[None]
    maps = np.broadcast_to(maps, (len(batch), 8))
    v, u = np.indices(batch.shape[1:3])
    images = []
    for image, (a0, a1, a2, b0, b1, b2, c0, c1) in zip(batch, maps, strict=True):
        k = c0 * u + c1 * v + 1
        places = np.stack([(b0 * u + b1 * v + b2) / k, (a0 * u + a1 * v + a2) / k])
        order = int(interpolation == "bilinear")
        images.append(
            np.stack([_mapped(c, places, order, fill_mode, fill_value) for c in np.moveaxis(image, -1, 0)], -1)
        )
    result = np.stack(images) if x.ndim == 4 else images[0]
    return np.moveaxis(result, -1, -3) if data_format == "channels_first" else result


def _perspective(x: np.ndarray, start: np.ndarray, end: np.ndarray, *rest: Any, fill_value: float = 0) -> np.ndarray:
    """The eight numbers of the map as the solution of eight equations."""
    maps = []
    for s, e in zip(*(np.broadcast_to(p, (len(x), 4, 2)) for p in (start, end)), strict=True):
        equations = [
            row
            for (u, v), (p, q) in zip(e, s, strict=True)
            for row in ([u, v, 1, 0, 0, 0, -p * u, -p * v], [0, 0, 0, u, v, 1, -q * u, -q * v])
        ]
        maps.append(np.linalg.solve(np.array(equations), s.ravel()))
    return _warped(x, np.array(maps), *rest, fill_value=fill_value)


def _gauss(size: int, sigma: float) -> np.ndarray:
    weights = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return weights / weights.sum()


def _blurred(x: np.ndarray, sizes: Any = (3, 3), sigmas: Any = (1.0, 1.0), data_format: str = "") -> np.ndarray:
    axes = (-2, -1) if data_format == "channels_first" else (-3, -2)
    for axis, size, sigma in zip(axes, sizes, sigmas, strict=True):
        # Of an even number of weights, SciPy puts the later one in the middle, convolutions here the earlier.
        x = ndimage.correlate1d(x, _gauss(size, sigma), axis, mode="constant", origin=-1 if size % 2 == 0 else 0)
    return x


def _sobel(x: np.ndarray, data_format: str = "") -> np.ndarray:
    axes = (-2, -1) if data_format == "channels_first" else (-3, -2)
    x = x.astype("int32") if x.dtype.kind in "iu" else x
    return np.stack([_slope(x, axis, axes) for axis in axes], -1)


def _slope(x: np.ndarray, axis: int, axes: tuple[int, int]) -> np.ndarray:
    (across,) = set(axes) - {axis}
    return ndimage.correlate1d(
        ndimage.correlate1d(x, [-1, 0, 1], axis, mode="mirror"), [1, 2, 1], across, mode="mirror"
    )


def _ssim(
    x: np.ndarray,
    y: np.ndarray,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> np.ndarray:
    x, y = x.astype("float64"), y.astype("float64")
    window = np.outer(*[_gauss(filter_size, filter_sigma)] * 2)

    def local(a: np.ndarray) -> np.ndarray:
        blocks = np.lib.stride_tricks.sliding_window_view(a, window.shape, axis=(-3, -2))
        return np.einsum("...ij,ij->...", blocks, window)

    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    maps = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return maps.mean((-3, -2, -1)).astype("float32")


def _patches(
    x: np.ndarray, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid"
) -> np.ndarray:
    """One patch after the other."""
    rank = x.ndim - 2
    size, dilation = (np.broadcast_to(v, rank) for v in (size, dilation_rate))
    steps = size if strides is None else np.broadcast_to(strides, rank)
    spans = (size - 1) * dilation + 1
    if padding == "same":
        missing = [max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(x.shape[1:-1], steps, spans, strict=True)]
        x = np.pad(x, [(0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)])
    counts = [(n - e) // s + 1 for n, e, s in zip(x.shape[1:-1], spans, steps, strict=True)]
    result = np.empty((len(x), *counts, int(np.prod(size)) * x.shape[-1]), x.dtype)
    for place in np.ndindex(*counts):
        cut = tuple(slice(p * s, p * s + e, d) for p, s, e, d in zip(place, steps, spans, dilation, strict=True))
        result[(slice(None), *place)] = x[(slice(None), *cut)].reshape(len(x), -1)
    return result


def _scaled(x: np.ndarray, shape: Any, scale: Any, translation: Any, axes: Any, method: str) -> np.ndarray:
    """Linear, without antialiasing: interpolation between neighbours, the edges going on for half a pixel."""
    for axis, s, t in zip(axes, scale, translation, strict=True):
        places = (np.arange(shape[axis]) + 0.5 - t) / s - 0.5
        inside = (places >= -0.5) & (places <= x.shape[axis] - 0.5)
        moved = np.moveaxis(x, axis, -1)
        moved = np.apply_along_axis(lambda v, p=places: np.interp(p, np.arange(len(v)), v), -1, moved) * inside
        x = np.moveaxis(moved, -1, axis)
    return x


def _linear(x: np.ndarray, *args: Any) -> np.ndarray:
    return _scaled(x, *args[:-1])


WARPS = [
    row(
        "image.affine_transform",
        IMAGES,
        TURN,
        i,
        mode,
        2.0,
        reference=_warped,
        differentiable=i == "bilinear",
        tolerance=1e-5,
    )
    for i in ("bilinear", "nearest")
    for mode in MODES
]
ROWS = [
    row("image.resize", IMAGES, (9, 5), "nearest", reference=_nearest),
    *(
        row("image.resize", IMAGES, size, interpolation, antialias, differentiable=True)
        for interpolation in ("bilinear", "bicubic", "lanczos3", "lanczos5")
        for size in ((12, 8), (3, 3))
        for antialias in (False, True)
    ),
    row("image.resize", IMAGES.transpose(0, 3, 1, 2), (12, 8), data_format="channels_first"),
    row("image.resize", IMAGES[0], (3, 2), "bilinear", True, reference=None),
    row("image.resize", IMAGES, (4, 8), crop_to_aspect_ratio=True),
    row("image.resize", IMAGES, (4, 8), pad_to_aspect_ratio=True, fill_value=2.0, dtypes=FLOATS),
    row("image.resize", (normal(1, 4, 4, 1) * 50).astype("int32"), (7, 7)),
    row("image.rgb_to_grayscale", COLOURS, reference=_gray, dtypes=FLOATS, differentiable=True),
    row("image.rgb_to_grayscale", BYTES.transpose(FIRST), data_format="channels_first", reference=_gray),
    row("image.rgb_to_hsv", COLOURS, reference=lambda x: _colours(colorsys.rgb_to_hsv, x), differentiable=True),
    row("image.rgb_to_hsv", COLOURS[0].transpose(2, 0, 1), data_format="channels_first", dtypes=("bfloat16", "float16")),
    row("image.hsv_to_rgb", COLOURS, reference=lambda x: _colours(colorsys.hsv_to_rgb, x), differentiable=True),
    row("image.hsv_to_rgb", COLOURS.transpose(FIRST) * 3 - 1, data_format="channels_first"),
    row("image.crop_images", IMAGES, 1, 1, 2, 0, reference=lambda x, *_: x[:, 1:4, 1:], differentiable=True),
    row("image.crop_images", BYTES[0], None, 1, 1, None, 2, 2, reference=lambda x, *_: x[2:4, 1:3]),
    row("image.crop_images", IMAGES.transpose(FIRST), 2, left_cropping=0, target_height=3, target_width=4,
        data_format="channels_first", reference=lambda x, *_, **__: x[:, :, 2:5]),
    row("image.pad_images", IMAGES, 1, 0, 2, 3, dtypes=FLOATS, differentiable=True,
        reference=lambda x, *_: np.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0)))),
    row("image.pad_images", BYTES.transpose(FIRST), 1, right_padding=1, target_height=8, target_width=7,
        data_format="channels_first", reference=lambda x, *_, **__: np.pad(x, ((0, 0), (0, 0), (1, 2), (2, 1)))),
    *(
        row("image.extract_patches", IMAGES, *arguments, reference=_patches, differentiable=True)
        for arguments in ((2,), ((3, 2), 1), (2, (2, 1), 2), (3, 2, 1, "same"), ((2, 3), 1, (2, 1), "same"))
    ),
    row("image.extract_patches", BYTES[0].transpose(2, 0, 1), 2, data_format="channels_first",
        reference=lambda x, size, **_: _patches(x.transpose(1, 2, 0)[None], size)[0].transpose(2, 0, 1)),
    row("image.extract_patches", VOLUMES, (2, 2, 1), reference=_patches),
    row("image.extract_patches_3d", VOLUMES, 2, (1, 2, 1), reference=_patches, dtypes=FLOATS, differentiable=True),
    row("image.extract_patches_3d", VOLUMES.transpose(0, 4, 1, 2, 3), (3, 2, 2), 2, 1, "same", "channels_first",
        reference=lambda x, *a: _patches(x.transpose(0, 2, 3, 4, 1), *a[:-1]).transpose(0, 4, 1, 2, 3)),
    row("image.gaussian_blur", IMAGES, reference=_blurred, dtypes=FLOATS, differentiable=True),
    row("image.gaussian_blur", IMAGES[0].transpose(2, 0, 1), (5, 3), (0.5, 2.0), "channels_first", reference=_blurred),
    row("image.gaussian_blur", IMAGES, (4, 2), (1.0, 0.7), reference=_blurred),
    row("image.gaussian_blur", IMAGES, 5, np.array([0.8, 1.5]), differentiable=True,
        reference=lambda x, k, s: _blurred(x, (k, k), s), tolerance=1e-5),
    row("image.gaussian_blur", BYTES, (3, 5), (1.0, 1.3),
        reference=lambda x, *a: np.rint(_blurred(x * 1.0, *a)).astype("uint8")),
    row("image.sobel_edges", IMAGES, reference=_sobel, dtypes=FLOATS, differentiable=True, tolerance=1e-5),
    row("image.sobel_edges", BYTES.transpose(FIRST), data_format="channels_first", reference=_sobel),
    row("image.ssim", LARGE, OTHER, reference=_ssim, differentiable=True, tolerance=1e-5),
    row("image.ssim", IMAGES[0], IMAGES[1], 2.0, 4, 0.8, 0.02, 0.05, reference=_ssim, dtypes=FLOATS, tolerance=1e-5),
    row("image.ssim", BYTES, BYTES[::-1].copy(), 255, 3, reference=_ssim, tolerance=1e-5),
    *(
        row("image.map_coordinates", normal(5, 6), PLACES, order, mode, 1.5, reference=_mapped, tolerance=1e-5)
        for order in (0, 1)
        for mode in MODES
    ),
    row("image.map_coordinates", normal(4), PLACES[:1, 0] / 2, 1, "reflect", differentiable=True,
        reference=_mapped, tolerance=1e-5),
    row("image.map_coordinates", normal(3, 4, 5), np.concatenate([PLACES, PLACES[:1]]) / 3, 1, differentiable=True,
        reference=_mapped, tolerance=1e-5),
    row("image.map_coordinates", BYTES[0, ..., 0], PLACES, 1, "mirror", tolerance=1e-5,
        reference=lambda x, p, *a: np.rint(_mapped(x * 1.0, p, *a)).astype("uint8")),
    row("image.map_coordinates", normal(5, 6), integers(-3, 8, 2, 7), 1, "wrap", reference=_mapped, dtypes=FLOATS),
    *WARPS,
    row("image.affine_transform", IMAGES[0].transpose(2, 0, 1), TURN[0], data_format="channels_first", reference=_warped,
        tolerance=1e-5),
    row("image.affine_transform", BYTES, TURN[1:], fill_mode="nearest", tolerance=1e-5,
        reference=lambda x, t, **k: np.rint(_warped(x * 1.0, t, **k)).astype("uint8")),
    row("image.perspective_transform", IMAGES, CORNERS, MOVED, differentiable=True, reference=_perspective, tolerance=1e-4),
    row("image.perspective_transform", IMAGES, CORNERS[0], MOVED[0], "nearest", fill_value=3.0, reference=_perspective),
    row("image.elastic_transform", IMAGES, 2.0, 0.6, seed=3, tolerance=1e-4),
    row("image.elastic_transform", BYTES.transpose(FIRST), 3.0, 1.0, "nearest", "constant", 7, 5, "channels_first"),
    row("image.scale_and_translate", IMAGES, (2, 9, 3, 3), np.array([1.6, 0.7]), np.array([0.4, -0.2]), (1, 2), "linear", False,
        reference=_linear, differentiable=True, tolerance=1e-5),
    *(
        row("image.scale_and_translate", IMAGES, (2, 6, 7, 3), np.array([0.6]), np.array([0.3]), (-2,), method,
            differentiable=True, tolerance=1e-5)
        for method in ("trilinear", "cubic", "lanczos3", "lanczos5")
    ),
    row("image.scale_and_translate", BYTES, (2, 9, 4, 3), np.array([1.5]), np.array([0.25]), (1,), "bicubic", symbolic=False,
        name="image.scale_and_translate bytes"),
]  # fmt: skip
