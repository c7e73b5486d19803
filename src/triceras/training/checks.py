"""What is checked before steps run, when a mistake can still be explained well.

Compiled steps can't look at values: a class index out of range gives NaN on one backend, somebody else's loss on another, an
index error on the third. Labels on the host are cheap to look at, so all of them are.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from triceras import ops, tree
from triceras.backends import registry
from triceras.training.data.array_source import ArraySource
from triceras.training.data.host_rows import HostRows
from triceras.training.data.sources import Source


def watch_labels(model: Any, source: Source) -> None:
    """Check the labels of a source: those of arrays at once, those of batches as they come.

    Raises:
        ValueError: a label lies outside of the classes of a sparse loss.
    """
    if isinstance(source, ArraySource):
        check_labels(model, source.batch[1], tensors=True)
    else:
        check_labels(model, source.first_batch()[1], tensors=True)
        source.check = functools.partial(check_labels, model)


def check_labels(model: Any, y: Any, tensors: bool = False) -> None:
    """Raise a ValueError unless the targets of sparse losses are class indices that their outputs have.

    Args:
        model: a model whose loss is compiled.
        y: its targets.
        tensors: whether to look at native tensors too, which waits for the device.
    """
    loss = model._compiled_loss
    if loss is None or not any(loss.label_ranges):
        return
    targets = [y.get(name) for name in loss.names] if isinstance(y, dict) else tree.flatten(y)
    if len(targets) != len(loss.names):
        return  # the loss itself tells what is wrong
    for name, target, wanted in zip(loss.names, targets, loss.label_ranges, strict=True):
        if wanted is None or target is None or (registry.owner_of(target) is not None and not tensors):
            continue
        classes, ignored = wanted
        if isinstance(target, HostRows):
            target = target.read(np.arange(target.shape[0]))
        labels = ops.convert_to_numpy(target)
        if ignored is not None:
            labels = labels[labels != ignored]
        if labels.size and not ((labels >= 0) & (labels < classes)).all():
            where = f", output {name!r}," if len(targets) > 1 else ""
            raise ValueError(
                f"The labels of model {model.name!r}{where} are out of range: expected 0 to {classes - 1} for an output of "
                f"{classes} classes, received labels from {labels.min()} to {labels.max()}. Shift them, or give the last layer "
                "more units."
            )
