"""Files of events as TensorBoard reads them, written with its own messages and without any framework."""

from __future__ import annotations

import io
import itertools
import os
import pathlib
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: How many bins a histogram has, and how many images one tag: those of ``tf.summary``.
BINS, IMAGES = 30, 3

_numbers = itertools.count()


def check_installed() -> None:
    """Refuse to begin without the package.

    Raises:
        ImportError: it isn't installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "The TensorBoard callback writes its files with the package 'tensorboard', which isn't installed. Install it with "
            "`pip install triceras[tensorboard]`."
        ) from error


class EventFile:
    """A file in a folder that events are added to; the first one makes it, and each is there as soon as it is added.

    Args:
        folder: where it lies; each is a run of its own in TensorBoard.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     events = EventFile(pathlib.Path(folder))
        ...     events.scalars(0, {"loss": 0.5})
        ...     [path.name.partition(".tfevents.")[0] for path in pathlib.Path(folder).iterdir()]
        ['events.out']
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        #: The file; None before the first event.
        self.path: pathlib.Path | None = None

    def scalars(self, step: int, figures: Mapping[str, float]) -> None:
        """Add numbers by their tags."""
        from tensorboard.plugins.scalar import metadata

        kind = metadata.create_summary_metadata(display_name=None, description=None)
        self._add(step, [(tag, kind, np.asarray(value, np.float32)) for tag, value in figures.items()])

    def histogram(self, step: int, tag: str, values: np.ndarray) -> None:
        """Add how the finite ones among some values are spread."""
        from tensorboard.plugins.histogram import metadata

        kind = metadata.create_summary_metadata(display_name=None, description=None)
        self._add(step, [(tag, kind, buckets(values))])

    def images(self, step: int, tag: str, pictures: Sequence[np.ndarray]) -> None:
        """Add pictures of equal size: ``(height, width)`` or ``(height, width, 3)``, of bytes."""
        from tensorboard.plugins.image import metadata

        kind = metadata.create_summary_metadata(display_name=None, description=None)
        height, width = pictures[0].shape[:2]
        texts = [str(width).encode(), str(height).encode(), *map(_png, pictures)]
        self._add(step, [(tag, kind, np.array(texts, object))])

    def keras_graph(self, model: str) -> None:
        """Add a model's configuration as JSON, which TensorBoard draws as a graph of layers."""
        from tensorboard.compat.proto import summary_pb2
        from tensorboard.plugins.graph import metadata

        kind: Any = summary_pb2.SummaryMetadata()  # pyright: ignore[reportAttributeAccessIssue]
        kind.plugin_data.plugin_name = metadata.PLUGIN_NAME_KERAS_MODEL
        kind.plugin_data.content = b"1"
        self._add(0, [("keras", kind, np.array(model.encode(), object))])

    def _add(self, step: int, values: Sequence[tuple[str, Any, np.ndarray]]) -> None:
        """Add an event of values, each with its tag and what says which plugin shows it."""
        from tensorboard.compat.proto import event_pb2
        from tensorboard.util import tensor_util

        if self.path is None:
            self.path = self._begun()
        event: Any = event_pb2.Event(wall_time=time.time(), step=step)  # pyright: ignore[reportAttributeAccessIssue]
        for tag, kind, value in values:
            event.summary.value.add(tag=tag, metadata=kind, tensor=tensor_util.make_tensor_proto(value))
        _append(self.path, event)

    def _begun(self) -> pathlib.Path:
        """A new file, which says what it is."""
        from tensorboard.compat.proto import event_pb2

        name = f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}.v2"
        self.folder.mkdir(parents=True, exist_ok=True)
        first: Any = event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2")  # pyright: ignore[reportAttributeAccessIssue]
        _append(self.folder / name, first)
        return self.folder / name


def _append(path: pathlib.Path, event: Any) -> None:
    # Not with tensorboard's EventFileWriter: for its file system it loads TensorFlow, where that is installed.
    from tensorboard.summary.writer.record_writer import RecordWriter

    with path.open("ab") as file:
        RecordWriter(file).write(event.SerializeToString())


def buckets(values: np.ndarray) -> np.ndarray:
    """How the finite ones among some values are spread.

    Args:
        values: numbers of any shape; complex ones count by their magnitude.

    Returns:
        ``(30, 3)``, float64: the left edge, the right edge and the count of each bin. Where all values are the same, so are all
        edges, and the last bin has the count; where there are none, all is zero.

    Example:
        >>> import numpy as np
        >>> buckets(np.array([0.0, 1.0, 30.0]))[[0, 1, 29]].tolist()
        [[0.0, 1.0, 1.0], [1.0, 2.0, 1.0], [29.0, 30.0, 1.0]]
    """
    flat = np.abs(values) if np.iscomplexobj(values) else values
    flat = flat.ravel().astype(np.float64)
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return np.zeros((BINS, 3))
    low, high = flat.min(), flat.max()
    if low == high:
        counts, edges = np.array([0] * (BINS - 1) + [flat.size]), np.full(BINS + 1, low)
    else:
        counts, edges = np.histogram(flat, BINS, (low, high))
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def pictures(values: np.ndarray) -> list[np.ndarray]:
    """Up to three pictures of an array, its least value black and its greatest white.

    A matrix is one picture, lying on its longer side, a vector a column. Of more axes the first two are height and width, and
    each place along the others is a picture; a kernel ``(height, width, 3, filters)`` gives coloured ones. Axes of size 1 are
    passed over.

    Args:
        values: numbers of any shape.

    Returns:
        Arrays ``(height, width)`` or ``(height, width, 3)``, uint8; none of a single value or none.

    Example:
        >>> import numpy as np
        >>> pictures(np.array([[1.0, 2.0], [3.0, 3.0], [1.0, 1.0]]))[0].tolist()
        [[0, 255, 0], [127, 255, 0]]
    """
    coloured = values.ndim == 4 and values.shape[2] == 3
    scaled = _bytes_of(np.abs(values) if np.iscomplexobj(values) else values)
    if coloured:
        return list(np.moveaxis(scaled, -1, 0)[:IMAGES])
    scaled = scaled.squeeze()
    if not scaled.size or not scaled.ndim:
        return []
    if scaled.ndim == 1:
        return [scaled.reshape(-1, 1)]
    if scaled.ndim == 2:
        return [scaled.T if scaled.shape[0] > scaled.shape[1] else scaled]
    return list(np.moveaxis(scaled.reshape(*scaled.shape[:2], -1), -1, 0)[:IMAGES])


def _bytes_of(values: np.ndarray) -> np.ndarray:
    """Values between the least and the greatest as bytes; those that aren't finite as the end that they lie beyond."""
    numbers = values.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    numbers = np.nan_to_num(numbers, nan=low, posinf=high, neginf=low)
    return ((numbers - low) * (255 / (high - low) if high > low else 0.0)).astype(np.uint8)


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "PNG")
    return file.getvalue()
