"""Inputs, dense layers and other basic ones."""
