"""Values inside ``jax.shard_map``, which JAX types by the axes of the mesh along which they differ from device to device.

What JAX differentiates by itself needs no care. A gradient written by hand must be of its argument's type, and what a loop
carries of the same type in every turn: so arguments that come together are made to vary over the same axes, and JAX sums
their gradients where they didn't.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.core


def axes_of(x: Any) -> frozenset[str]:
    """The axes of the mesh over which a value varies; none outside of ``shard_map``."""
    kind = jax.typeof(x)
    kind = getattr(kind, "manual_axis_type", kind)  # jax 0.10; the set lay on the type itself before
    return getattr(kind, "varying", None) or getattr(kind, "vma", frozenset())


def varying_alike(values: Any, others: Any = ()) -> Any:
    """A structure of values that all vary over the axes which any of them, or of some others, varies over."""
    leaves = [x for x in jax.tree.leaves((values, others)) if isinstance(x, jax.core.Tracer)]
    axes = frozenset().union(*map(axes_of, leaves))
    if not axes:
        return values

    def varied(x: Any) -> Any:
        missing = tuple(axes - axes_of(x))
        return jax.lax.pcast(x, missing, to="varying") if missing else x

    return jax.tree.map(varied, values)
