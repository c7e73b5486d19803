"""Showing a training in TensorBoard."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from triceras import ops
from triceras.callbacks.batch_counting import BatchCounting
from triceras.callbacks.event_file import EventFile, check_installed, pictures
from triceras.layers.core.embedding import Embedding
from triceras.saving.atomic import replacing


class TensorBoard(BatchCounting):
    """Writes what TensorBoard shows of a training: figures, weights, the graph of layers, embeddings, traces of the device.

    Look at it with ``tensorboard --logdir logs``. Figures of training lie in the folder ``train``, those of validation and of
    ``evaluate`` in ``validation``: ``epoch_loss`` and the like by the epoch, ``batch_loss`` by the batch in this training, from
    1, and ``evaluation_loss_vs_iterations`` by the optimizer's steps. Figures that aren't single numbers are left out. Traces
    are made by the backend's own profiler, and shown by a plug-in: ``xprof`` for those of jax and tensorflow,
    ``torch-tb-profiler`` for those of torch.

    Args:
        log_dir: the folder.
        histogram_freq: every how many epochs to write histograms of the weights; 0 for never.
        write_graph: whether to write the graph of layers, which functional and sequential models have.
        write_images: whether to write weights as images too, together with the histograms.
        write_steps_per_second: whether to write how fast training is.
        update_freq: ``"epoch"``, or every how many batches to write the figures of the epoch so far, too; ``"batch"`` is 1.
            Those of a batch have to be waited for; between them nothing is.
        profile_batch: a batch, or ``(first, last)``, to trace, counted from 1; 0 for none.
        embeddings_freq: every how many epochs to write the tables of ``Embedding`` layers; 0 for never.
        embeddings_metadata: a file in ``log_dir`` with a line for each vector of such a table, or the names of layers and a
            file for each.

    Raises:
        ImportError: the package ``tensorboard`` isn't installed.
        ValueError: an argument is wrong; or, when training begins, ``embeddings_metadata`` names a layer that isn't there.

    Example:
        >>> from triceras import callbacks
        >>> callbacks.TensorBoard("logs", update_freq="batch", profile_batch=(10, 12)).update_freq
        1
    """

    writes_files = True
    #: The trace that is being made: a process has one profiler, whichever callback started it.
    _trace = contextlib.ExitStack()

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: int | str = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        check_installed()
        if not log_dir or not os.fspath(log_dir):
            raise ValueError(f"log_dir names a folder, received {log_dir!r}.")
        self.log_dir = pathlib.Path(log_dir)
        self.histogram_freq = _every("histogram_freq", histogram_freq)
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = _update_freq(update_freq)
        self.profile_batch = profile_batch
        self.embeddings_freq = _every("embeddings_freq", embeddings_freq)
        self.embeddings_metadata = embeddings_metadata
        self._traced = _batches_to_trace(profile_batch)
        self._train = EventFile(self.log_dir / "train")
        self._validation = EventFile(self.log_dir / "validation")
        self._training = False
        self._epoch_clock = self._batch_clock = Clock(0)

    # ---- when -------------------------------------------------------------------------------------------------------

    def wants_batches(self, kind: str) -> bool:
        return kind == "train" and (self.update_freq != "epoch" or self._traced is not None)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._trace.close()  # of a training that an error ended
        self._embeddings()  # so that nothing is written where a name is wrong
        self._batches, self._training = 0, True
        self._train = EventFile(self.log_dir / "train")
        self._validation = EventFile(self.log_dir / "validation")
        if self.write_graph:
            self._write_graph()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch_clock, self._batch_clock = Clock(self._batches), Clock(self._batches)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_begin(batch, logs)
        if self._traced is not None and self._batches == self._traced[0]:
            self._settle()
            folder = os.fspath(self.log_dir / "train")
            self._trace.enter_context(self._needed_model("trace").backend.profile(folder))
            self._trace.callback(self._settle)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.update_freq == "epoch" or self._batches % int(self.update_freq):
            return
        figures = _prefixed("batch", logs or {})  # read here and now, as their time is a part of the rate
        if self.write_steps_per_second:
            figures["batch_steps_per_second"] = self._batch_clock.rate(self._batches)
            self._batch_clock = Clock(self._batches)
        self._train.scalars(self._batches, figures)

    def on_steps_end(self, kind: str, batch: int) -> None:
        super().on_steps_end(kind, batch)
        if kind == "train" and self._traced is not None and self._batches == self._traced[1]:
            self._trace.close()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._epoch_clock.stop(self._batches)  # an epoch's validation isn't counted

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        optimizer = self._needed_model("write the figures of").optimizer
        step = 0 if optimizer is None else int(optimizer.iterations)
        figures = _prefixed("evaluation", logs or {})
        self._validation.scalars(step, {f"{tag}_vs_iterations": value for tag, value in figures.items()})
        if not self._training:
            self._validation = EventFile(self.log_dir / "validation")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch_clock.stop(self._batches)
        logs = logs or {}
        optimizer = self._needed_model("write the figures of").optimizer
        trained = {name: value for name, value in logs.items() if not name.startswith("val_")}
        if optimizer is not None:
            trained["learning_rate"] = float(optimizer.learning_rate)
        if self.write_steps_per_second:
            trained["steps_per_second"] = self._epoch_clock.rate(self._batches)
        validated = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        self._train.scalars(epoch, _prefixed("epoch", trained))
        if validated:
            self._validation.scalars(epoch, _prefixed("epoch", validated))
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._trace.close()
        self._training = False

    # ---- what -------------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait for the device, so that a trace holds its own steps and all of them."""
        model = self._needed_model("trace")
        model.backend.block([v.stored_value for v in [*model.variables, *model.metrics_variables]])

    def _write_graph(self) -> None:
        model = self._needed_model("draw")
        try:
            configuration = model.to_json()
        except (TypeError, ValueError, NotImplementedError) as error:
            warnings.warn(
                f"TensorBoard gets no graph of model {model.name!r}, which has no configuration: {error}", stacklevel=4
            )
            return
        if json.loads(configuration)["config"].get("layers"):  # a subclassed model's configuration tells of none
            self._train.keras_graph(configuration)

    def _write_weights(self, epoch: int) -> None:
        for weight in self._needed_model("show").weights:
            values = ops.convert_to_numpy(weight.value)
            self._train.histogram(epoch, f"{weight.path}/histogram", values)
            images = pictures(values) if self.write_images else []
            if images:
                self._train.images(epoch, f"{weight.path}/image", images)

    def _embeddings(self) -> list[tuple[Embedding, str | None]]:
        """The layers whose tables are shown, each with its file of labels."""
        if not self.embeddings_freq:
            return []
        model, named = self._needed_model("show the embeddings of"), self.embeddings_metadata
        found = [layer for layer in model._flatten_layers() if isinstance(layer, Embedding)]
        names = [layer.name for layer in found]
        unknown = set(named) - set(names) if isinstance(named, Mapping) else set()
        if unknown:
            raise ValueError(
                f"embeddings_metadata names layers that aren't embeddings of model {model.name!r}: expected some of {names}, "
                f"received {sorted(unknown)}."
            )
        return [(layer, named.get(layer.name) if isinstance(named, Mapping) else named) for layer in found]

    def _write_embeddings(self) -> None:
        from google.protobuf import text_format
        from tensorboard.plugins.projector import metadata
        from tensorboard.plugins.projector import projector_config_pb2 as messages

        config: Any = messages.ProjectorConfig()  # pyright: ignore[reportAttributeAccessIssue]
        for layer, labels in self._embeddings():
            tensor_name = f"{layer.path}/embeddings"
            table = f"{tensor_name.replace('/', '_')}.tsv"
            config.embeddings.add(tensor_name=tensor_name, tensor_path=table, metadata_path=labels)
            with replacing(self.log_dir / table) as temporary:
                np.savetxt(temporary, ops.convert_to_numpy(layer.embeddings), "%.9g", "\t")
        with replacing(self.log_dir / metadata.PROJECTOR_FILENAME) as temporary:
            temporary.write_text(text_format.MessageToString(config))


class Clock:
    """How many steps are done in a second.

    Args:
        steps: how many are done already.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._began = time.perf_counter()
        self._ended: tuple[int, float] | None = None

    def stop(self, steps: int) -> None:
        """Count no more, if it isn't stopped already."""
        self._ended = self._ended or (steps, time.perf_counter())

    def rate(self, steps: int) -> float:
        """Steps a second until it was stopped, or until now."""
        last, now = self._ended or (steps, time.perf_counter())
        return (last - self._steps) / max(now - self._began, 1e-9)


def _prefixed(prefix: str, figures: Mapping[str, Any]) -> dict[str, float]:
    return {f"{prefix}_{name}": float(value) for name, value in figures.items() if np.ndim(value) == 0}


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _every(name: str, epochs: Any) -> int:
    if not _is_count(epochs):
        raise ValueError(f"{name} is a number of epochs, or 0 for never; received {epochs!r}.")
    return epochs


def _update_freq(batches: Any) -> int | str:
    if batches == "batch":
        return 1
    if batches != "epoch" and not (_is_count(batches) and batches):
        raise ValueError(f"update_freq is 'epoch', 'batch' or a positive number of batches, received {batches!r}.")
    return batches


def _batches_to_trace(batches: Any) -> tuple[int, int] | None:
    """The first batch to trace and the last, or None for none."""
    ends = (
        batches.split(",") if isinstance(batches, str) else batches if isinstance(batches, tuple | list) else [batches]
    )
    try:
        numbers = [int(end) if isinstance(end, str) else end for end in ends]
    except ValueError:
        numbers = []
    if numbers == [0]:
        return None
    if len(numbers) in (1, 2) and all(map(_is_count, numbers)) and 0 < numbers[0] <= numbers[-1]:
        return numbers[0], numbers[-1]
    raise ValueError(
        f"profile_batch is a batch counted from 1, a pair (first, last) of them, or 0 for none; received {batches!r}."
    )
