"""Ops over images."""

from triceras.ops.image.colour import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from triceras.ops.image.crops import crop_images, pad_images
from triceras.ops.image.filters import gaussian_blur, sobel_edges
from triceras.ops.image.patches import extract_patches, extract_patches_3d
from triceras.ops.image.quality import ssim
from triceras.ops.image.resize import resize
from triceras.ops.image.sampling import map_coordinates
from triceras.ops.image.scaling import scale_and_translate
from triceras.ops.image.warps import affine_transform, elastic_transform, perspective_transform

__all__ = [
    "affine_transform", "crop_images", "elastic_transform", "extract_patches", "extract_patches_3d", "gaussian_blur",
    "hsv_to_rgb", "map_coordinates", "pad_images", "perspective_transform", "resize", "rgb_to_grayscale",
    "rgb_to_hsv", "scale_and_translate", "sobel_edges", "ssim",
]  # fmt: skip
