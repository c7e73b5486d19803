"""Loops that stay in a program recorded for other runtimes, which can't unroll what has no known length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._higher_order_ops.scan import scan_op  # nothing public takes a graph for its step (torch 2.13)
from torch._higher_order_ops.utils import reenter_make_fx
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from triceras import tree


def scan(f: Callable[[Any, Any], Any], carry: Any, xs: Any, reverse: bool) -> Any:
    """``f`` over the first axis as one operator of the graph.

    Args:
        f: ``(carry, x) -> (carry, y)``.
        carry: a structure of tensors.
        xs: a structure of tensors with at least one.
        reverse: whether from the end.
    """
    elements = [x.flip(0) if reverse else x for x in tree.flatten(xs)]
    # The operator wants something to carry, and a tensor that is carried twice would be one to it.
    start = [x.clone() for x in tree.flatten(carry)] or [torch.zeros(())]
    structure: list[Any] = []

    def step(*flat: torch.Tensor) -> list[torch.Tensor]:
        old, now = list(flat[: len(start)]), list(flat[len(start) :])
        new, y = f(tree.pack_sequence_as(carry, old) if tree.flatten(carry) else carry, tree.pack_sequence_as(xs, now))
        structure[:] = [y]
        # What leaves the loop at two places must be two tensors.
        return [x.clone() for x in (*(tree.flatten(new) or old), *tree.flatten(y))]

    body = reenter_make_fx(step)(*start, *(x.select(0, 0) for x in elements))
    _drop_unused_constants()
    results = list(scan_op(body, start, elements, _lifted(body)))
    last, ys = results[: len(start)], [y.flip(0) if reverse else y for y in results[len(start) :]]
    last = tree.pack_sequence_as(carry, last) if tree.flatten(carry) else carry
    return last, tree.pack_sequence_as(structure[0], ys)


_SIZES = (torch.ops.aten.sym_size.int, torch.ops.aten.sym_stride.int, torch.ops.aten.sym_storage_offset.default)


def _drop_unused_constants() -> None:
    """Tracing a graph inside asks for a size of a constant in the one around it, which export can't take (torch 2.13)."""
    mode = get_proxy_mode()
    if mode is None:
        return
    root, graph = mode.tracer.root, mode.tracer.graph
    for node in list(graph.nodes):
        if node.op == "get_attr" and isinstance(getattr(root, node.target, None), torch.Tensor):
            sizes = [user for user in node.users if user.target in _SIZES and not user.users]
            if sizes and len(sizes) == len(node.users):
                for size in sizes:
                    graph.erase_node(size)
                graph.erase_node(node)


def _lifted(body: torch.fx.GraphModule) -> tuple[torch.Tensor, ...]:
    """Make the tensors that a graph holds its last arguments; returns them."""
    held: dict[str, Any] = {}
    graph = body.graph
    behind = [node for node in graph.nodes if node.op == "placeholder"][-1]
    for node in [node for node in graph.nodes if node.op == "get_attr"]:
        name = str(node.target)
        if name not in held:
            with graph.inserting_after(behind):
                behind = graph.placeholder(f"held_{len(held)}")
            behind.meta = dict(node.meta)
            held[name] = (getattr(body, name), behind)
        node.replace_all_uses_with(held[name][1])
        graph.erase_node(node)
    body.recompile()
    return tuple(tensor for tensor, _ in held.values())
