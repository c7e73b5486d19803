"""Layers: convolution."""
