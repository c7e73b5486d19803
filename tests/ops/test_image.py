"""Images against Keras, whose numbers were computed in another process, and what the rows can't say."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests import black_box
from triceras import ops
from triceras.backends import registry
from triceras.graph import KerasTensor

IMAGES = np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype("float32")
BYTES = np.random.default_rng(1).integers(0, 256, (2, 6, 5, 3)).astype("uint8")
TURN = [0.913, 0.207, -0.316, 0.109, 1.127, 0.431, 0.0, 0.0]
POINTS = [[0.0, 0.0], [0.0, 5.0], [4.0, 0.0], [4.0, 5.0]], [[0.5, 0.2], [0.1, 4.4], [3.6, 0.3], [4.2, 4.9]]
METHODS = ("linear", "trilinear", "cubic", "tricubic", "lanczos3", "lanczos5")
#: Op, whether of bytes, positional and keyword arguments. What Keras computes alike on all backends, or best on jax.
CALLS: list[tuple[str, bool, list[Any], dict[str, Any]]] = [
    *(
        ("resize", False, [list(size), interpolation, antialias], {})
        for interpolation in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        for antialias in (False, True)
        for size in ((4, 9), (3, 3))
    ),
    *(
        ("resize", False, [list(size)], {option: True, "fill_value": 2.0})
        for option in ("crop_to_aspect_ratio", "pad_to_aspect_ratio")
        for size in ((4, 8), (8, 4), (3, 11))
    ),
    ("resize", True, [[9, 9], "bicubic"], {}),
    ("rgb_to_grayscale", True, [], {}),
    ("rgb_to_hsv", False, [], {}),
    ("hsv_to_rgb", False, [], {}),
    *(
        ("affine_transform", False, [[TURN, TURN], "bilinear", mode, 2.0], {})
        for mode in ("constant", "wrap", "mirror")
    ),
    ("affine_transform", True, [[TURN, TURN]], {"fill_value": 7.8}),
    ("perspective_transform", False, [[p, p] for p in POINTS], {"fill_value": 3.0}),
    *(
        ("scale_and_translate", False, [[2, 4, 9, 3], [0.7, 1.9], [0.3, -0.7], [1, 2], method, antialias], {})
        for method in METHODS
        for antialias in (False, True)
    ),
    ("extract_patches", False, [[3, 2], 2, 1, "same"], {}),
    ("ssim", False, [(-IMAGES / 2).tolist(), 2.0, 4, 0.8], {}),
]
CODE = """
def answer(call):
    op, images, args, kwargs = call
    images = np.array(images, "uint8" if isinstance(images[0][0][0][0], int) else "float32")
    args = [np.array(a, "float32") if isinstance(a, list) and op != "resize" and isinstance(np.ravel(a)[0], float) else a
            for a in args]
    return plain(getattr(keras.ops.image, op)(images, *args, **kwargs))
"""


@pytest.fixture(scope="module")
def of_keras() -> list[Any]:
    return black_box.run(CODE, [[op, (BYTES if b else IMAGES).tolist(), a, k] for op, b, a, k in CALLS])


def test_as_keras(backend: registry.Backend, of_keras: list[Any]) -> None:
    """On jax, that is: on the other backends some of these differ."""
    for (op, of_bytes, args, kwargs), expected in zip(CALLS, of_keras, strict=True):
        assert not isinstance(expected, str), (op, args, expected)
        got = getattr(ops.image, op)(BYTES if of_bytes else IMAGES, *args, **kwargs)
        np.testing.assert_allclose(ops.convert_to_numpy(got), expected, 2e-5, 2e-5, err_msg=f"{op} {args} {kwargs}")


def test_an_elastic_field_is_as_far_and_as_smooth_as_it_says(backend: registry.Backend) -> None:
    """Images of their own coordinates show where each pixel came from."""
    y, x = np.indices((32, 32)).astype("float32")
    images = np.stack([x, y, x], -1)[None].repeat(60, 0)
    for alpha, sigma in ((1.0, 1.0), (0.5, 2.0)):
        moved = ops.image.elastic_transform(images, alpha, sigma, fill_mode="nearest", seed=5)
        field = (ops.convert_to_numpy(moved) - images)[:, 8:24, 8:24]
        np.testing.assert_array_equal(field[..., 0], field[..., 2])  # all channels alike
        # A Gaussian's squares add up to 1 / (4 pi sigma^2); its autocorrelation is one of sqrt(2) sigma.
        for one in (field[..., 0], field[..., 1]):
            assert one.std() == pytest.approx(alpha / np.sqrt(4 * np.pi), rel=0.06)
            near = (one[:, 1:] * one[:, :-1]).mean() / (one**2).mean()
            assert near == pytest.approx(np.exp(-1 / (4 * sigma**2)), abs=0.03)
        assert abs((field[..., 0] * field[..., 1]).mean()) < 0.08 * field.var()
        assert abs((field[0] * field[1]).mean()) < 0.4 * field.var()


def test_unknown_sizes() -> None:
    """What is known of images of any size."""
    images, maps, points = KerasTensor((None, None, 5, 3)), KerasTensor((None, 8)), KerasTensor((None, 4, 2))
    of = ops.image
    shapes = {
        (None, None, 5, 3): [
            of.rgb_to_hsv(images), of.gaussian_blur(images), of.affine_transform(images, maps),
            of.perspective_transform(images, points, points), of.elastic_transform(images),
        ],
        (None, 4, 4, 3): [of.resize(images, (4, 4)), of.crop_images(images, 1, 1, target_height=4, right_cropping=0)],
        (None, None, 7, 3): [of.pad_images(images, 1, 1, 1, 1)],
        (None, None, 2, 12): [of.extract_patches(images, 2)],
        (None, None, 5, 3, 2): [of.sobel_edges(images)],
        (None, None, 5, 1): [of.rgb_to_grayscale(images)],
        (None,): [of.ssim(images, images)],
    }  # fmt: skip
    for shape, results in shapes.items():
        assert [r.shape for r in results] == [shape] * len(results)
    assert of.map_coordinates(KerasTensor((None, 5)), KerasTensor((2, None, 3)), 1).shape == (None, 3)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda i: i.resize(IMAGES, 3), "a positive height and width"),
        (lambda i: i.resize(IMAGES, (3, 3), "area"), "has no interpolation 'area'. Expected one of: nearest"),
        (lambda i: i.rgb_to_hsv(BYTES), "needs floating images with values from 0 to 1, received images of uint8"),
        (lambda i: i.rgb_to_grayscale(IMAGES[..., :2]), "images of 3 channels along axis -1, received 2"),
        (lambda i: i.crop_images(IMAGES, 1, 1), "exactly two of top_cropping, bottom_cropping, target_height"),
        (lambda i: i.crop_images(IMAGES, 9, 0, target_height=1, target_width=1), "cannot crop a height of 6"),
        (lambda i: i.pad_images(IMAGES, 1, 1, target_height=4, target_width=9), "cannot bring a height of 6 to"),
        (lambda i: i.map_coordinates(IMAGES, np.zeros((3, 2)), 1), "needs coordinates (4, ...)"),
        (lambda i: i.map_coordinates(IMAGES, np.zeros((4, 2)), 3), "has no order 3. Expected one of: 0, 1"),
        (lambda i: i.affine_transform(IMAGES, TURN, fill_mode="a"), "has no fill_mode 'a'"),
        (lambda i: i.affine_transform(IMAGES, TURN[:6]), "a transform of 8 numbers, or (batch, 8)"),
        (lambda i: i.perspective_transform(IMAGES, POINTS[0][:3], POINTS[1]), "needs start_points of shape (4, 2)"),
        (lambda i: i.elastic_transform(IMAGES, sigma=0.0), "needs a positive sigma"),
        (lambda i: i.gaussian_blur(IMAGES, (3, 3), (1.0, -1.0)), "needs positive deviations"),
        (lambda i: i.sobel_edges(IMAGES[0]), "needs a batch of images"),
        (lambda i: i.ssim(IMAGES, IMAGES), "at least filter_size=11 by 11 pixels, received (6, 5)"),
        (lambda i: i.ssim(IMAGES, IMAGES[:1]), "needs images of one shape"),
        (lambda i: i.extract_patches(IMAGES, 2, padding="full"), "padding must be 'valid' or 'same'"),
        (lambda i: i.extract_patches_3d(IMAGES[0, 0], 2), "needs volumes of 4 axes, or of 5 with a batch"),
        (
            lambda i: i.scale_and_translate(IMAGES, (2, 3, 3, 3), [1.0], [0.0], (1, 2), "linear"),
            "a scale and translation",
        ),
    ],
)
def test_errors(backend: registry.Backend, call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        call(ops.image)
