"""``compile``, ``fit``, ``evaluate`` and ``predict``, once for every backend.

The way of a step: ``fit`` here makes a source of batches (``data/sources.py``), a runner (``runner.py``) compiles the pure step
(``step.py``) through the backend's loop (``backends/<name>/loop.py``), and ``epoch.py`` runs it over the batches.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import numpy as np

from triceras import ops, optimizers, tree
from triceras.backends import registry
from triceras.backends.base import Backend, Tensor
from triceras.callbacks.callback_list import CallbackList
from triceras.callbacks.run import Run
from triceras.core import masks, objects, settings
from triceras.core.autograph import left_alone
from triceras.graph.symbol import KerasTensor
from triceras.metrics.reduction import Mean
from triceras.training import step as steps
from triceras.training.checks import watch_labels
from triceras.training.compiled import CompiledLoss, CompiledMetrics
from triceras.training.data.array_source import ArraySource
from triceras.training.data.batches import Layout, is_array_like, train_validation_split, unpack_x_y_sample_weight
from triceras.training.data.sources import Source, make_source
from triceras.training.data.tables import parts_of_table
from triceras.training.epoch import predict_batches, run_epoch
from triceras.training.observer import Observer, observed
from triceras.training.runner import Runner, Runners, make_runner

#: An argument that wasn't given; None is one that was.
NOT_GIVEN: Any = object()


@left_alone
class Trainer:
    """What makes a layer trainable; ``Model`` mixes it in."""

    _backend: Backend
    built: bool

    def _start_training_state(self) -> None:
        self.compiled = False
        self.loss: Any = None
        self.optimizer: Any = None
        self.stop_training = False
        self.steps_per_execution: int | str = "auto"
        self._compile_arguments: dict[str, Any] = {}
        self._compiled_loss: CompiledLoss | None = None
        self._compiled_metrics: CompiledMetrics | None = None
        self._loss_tracker: Mean | None = None
        self._runners = Runners()
        #: What training steps show their gradients to.
        self._observers: list[Observer] = []
        self._run_eagerly = False
        self._jit_compile: bool | str = "auto"

    @property
    def backend(self) -> Backend:
        """The backend it runs on."""
        return self._backend

    # ---- compile ----------------------------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: bool | str | None = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Args:
            optimizer: an optimizer or its name.
            loss: a loss, its name or a function; a list or dictionary of them for several outputs.
            loss_weights: a factor for each output's loss.
            metrics, weighted_metrics: metrics or their names; the latter honour sample weights.
            run_eagerly: whether steps run op by op, to be debugged.
            steps_per_execution: how many steps go into one call on the device. The number is chosen by time unless a callback
                needs every batch; one given above 1 is kept.
            jit_compile: whether steps are compiled; ``"auto"`` lets the backend choose.
            auto_scale_loss: whether float16 training scales its loss.
        """
        arguments = {key: value for key, value in locals().items() if key != "self" and not key.startswith("_")}
        if run_eagerly and jit_compile is True:
            raise ValueError("run_eagerly=True and jit_compile=True exclude each other.")
        if not (isinstance(steps_per_execution, int) and steps_per_execution >= 1) and steps_per_execution != "auto":
            raise ValueError(f"steps_per_execution is a positive integer or 'auto', received {steps_per_execution!r}.")
        with registry.use(self._backend):
            self.optimizer = optimizers.get(optimizer)
            if auto_scale_loss and getattr(self, "compute_dtype", None) == "float16":
                self.optimizer = optimizers.with_loss_scaling(self.optimizer)
            self._loss_tracker = Mean(name="loss")
        self.loss = loss
        self.steps_per_execution = steps_per_execution if steps_per_execution != 1 else "auto"
        self._compile_arguments = arguments
        self._compiled_loss = None
        self._compiled_metrics = None
        self._run_eagerly = bool(run_eagerly)
        self._jit_compile = "auto" if jit_compile is None else jit_compile
        self._runners = Runners()
        self.stop_training = False
        self.compiled = True

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run op by op."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._run_eagerly = bool(value)
        self._runners = Runners()

    @property
    def jit_compile(self) -> bool | str:
        """Whether steps are compiled."""
        return self._jit_compile

    @jit_compile.setter
    def jit_compile(self, value: bool | str) -> None:
        self._jit_compile = value
        self._runners = Runners()

    def compiles(self, kind: str) -> bool | None:
        """Whether steps of a kind are to be compiled; None leaves it to the backend."""
        if self._run_eagerly:
            return False
        return None if self._jit_compile == "auto" else bool(self._jit_compile)

    def overrides(self, method: str) -> bool:
        """Whether the user's class defines a method of the trainer anew."""
        return getattr(type(self), method) is not getattr(Trainer, method)

    @property
    def logs_are_custom(self) -> bool:
        """Whether ``compute_metrics`` is the user's own, so that its result is what a step logs."""
        return self.overrides("compute_metrics")

    @property
    def metrics(self) -> list[Any]:
        """The loss's mean, the compiled metrics and those of layers."""
        own: list[Any] = [] if self._loss_tracker is None else [self._loss_tracker]
        if self._compiled_loss is not None:
            own += self._compiled_loss.metrics
        if self._compiled_metrics is not None:
            own += self._compiled_metrics.metrics
        found = {id(m): m for m in own}
        for layer in self._flatten_layers():  # type: ignore[attr-defined]
            found.update({id(m): m for m in layer._metrics})
        return list(found.values())

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics."""
        return [m.name for m in self.metrics]

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of the metrics."""
        return [v for m in self.metrics for v in m.variables]

    def reset_metrics(self) -> None:
        """Let all metrics begin anew."""
        for metric in self.metrics:
            metric.reset_state()

    def _check_compiled(self, what: str) -> None:
        if not self.compiled:
            raise ValueError(f"Model {self.name!r} isn't compiled. Call compile() before {what}().")  # type: ignore[attr-defined]

    # ---- what users override ----------------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """The scalar that training minimises: the compiled loss and what layers added."""
        terms: list[Any] = []
        if self._compiled_loss is not None and y is not None:
            terms.append(self._compiled_loss(y, y_pred, sample_weight))
        terms += [ops.cast(loss, "float32") if ops.dtype(loss) != "float32" else loss for loss in self.losses]  # type: ignore[attr-defined]
        if not terms:
            if self._compiled_loss is not None:
                raise ValueError("The model has a loss but the data has no targets: pass y.")
            raise ValueError(
                "There is nothing to minimise: compile the model with a loss, or call add_loss() in a layer."
            )
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Take a batch into the metrics and return their figures."""
        self.update_metrics(x, y, y_pred, sample_weight)
        return self.get_metrics_result()

    def update_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> tuple[()]:
        """Take a batch into the compiled metrics."""
        if self._compiled_metrics is not None and y is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return ()

    def track_loss(self, loss: Tensor, x: Any) -> None:
        """Take a batch's loss into its mean, weighted by the batch's rows."""
        if self._loss_tracker is not None:
            rows = steps.rows_in(x)
            self._loss_tracker.update_state(loss, sample_weight=rows if not isinstance(rows, int) else float(rows))

    def get_metrics_result(self) -> dict[str, Any]:
        """The figures of all metrics, by name."""
        results: dict[str, Any] = {}
        named = {} if self._compiled_metrics is None else dict(self._compiled_metrics.results())
        compiled = set() if self._compiled_metrics is None else {id(m) for m in self._compiled_metrics.metrics}
        for metric in self.metrics:
            if id(metric) in compiled:
                continue
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results | named

    def stateless_compute_loss(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        metrics_variables: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[Tensor, tuple[list[Any], list[Any], list[Any]]]:
        """``compute_loss`` as a pure function: the loss, and the variables' values after it."""
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)  # type: ignore[attr-defined]
        values = [*trainable_variables, *non_trainable_variables, *metrics_variables]
        with steps.StatelessScope.over([v for g in groups for v in g], values) as scope:
            loss = self.compute_loss(x, y, y_pred, sample_weight, training)
        return loss, tuple(scope.current(g) for g in groups)  # type: ignore[return-value]

    @masks.table()
    def compute_loss_and_updates(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        metrics_variables: Any,
        x: Any,
        y: Any,
        sample_weight: Any,
        training: bool = False,
        optimizer_variables: Any = None,
    ) -> tuple[Tensor, tuple[Tensor, Any, list[Any], list[Any]]]:
        """Forward and loss as a pure function: the scaled loss, and ``(loss, y_pred, non-trainable, metrics)``."""
        kwargs = {"training": training} if _takes_training(self) else {}
        y_pred, non_trainable, extra = self.stateless_call(  # type: ignore[attr-defined]
            trainable_variables, non_trainable_variables, x, return_losses=True, **kwargs
        )
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)  # type: ignore[attr-defined]
        values = [*trainable_variables, *non_trainable, *metrics_variables]
        with steps.StatelessScope.over([v for g in groups for v in g], values, collect_losses=True) as scope:
            scope.losses = list(extra)[: len(extra) - len(self._weight_penalties())]  # type: ignore[attr-defined]
            loss = self.compute_loss(x, y, y_pred, sample_weight, training)
        _, non_trainable, metric_values = (scope.current(g) for g in groups)
        scaled = loss if self.optimizer is None else self.optimizer.scale_loss(loss)
        return scaled, (loss, y_pred, non_trainable, metric_values)

    def train_step(self, state: Any = NOT_GIVEN, data: Any = NOT_GIVEN) -> Any:
        """One training step: ``data -> logs``, or ``(state, data) -> (logs, state)`` where steps are functional."""
        return self._default_step("train", state, data)

    def test_step(self, state: Any = NOT_GIVEN, data: Any = NOT_GIVEN) -> Any:
        """One evaluation step: ``data -> logs``, or ``(state, data) -> (logs, state)`` where steps are functional."""
        return self._default_step("test", state, data)

    def predict_step(self, state: Any = NOT_GIVEN, data: Any = NOT_GIVEN) -> Any:
        """One prediction step: ``data -> outputs``, or ``(state, data) -> (outputs, state)`` where steps are functional."""
        return self._default_step("predict", state, data)

    def _default_step(self, kind: str, *args: Any) -> Any:
        *state, data = (x for x in args if x is not NOT_GIVEN)
        batch = unpack_x_y_sample_weight(data)
        layout = Layout(batch)
        step, variables, constants = steps.STEPS[kind](self, layout)
        tensors = layout.flatten(batch)
        if not state:
            before = [v.value for v in variables]
            values, output = step(before, [v.value for v in constants], tensors)
            for variable, old, new in zip(variables, before, values, strict=True):
                if new is not old:
                    variable.assign(new)
            return output if kind == "predict" else self.get_metrics_result()
        groups = steps.groups_of(self, kind)
        known = {
            v: x for group, values in zip(groups, state[0], strict=True) for v, x in zip(group, values, strict=True)
        }
        given = [known.get(v, v.stored_value) for v in variables]
        values, output = step(given, [known.get(v, v.stored_value) for v in constants], tensors)
        known.update(zip(variables, values, strict=True))
        new_state = tuple([known[v] for v in group] for group in groups)
        if kind == "predict":
            return output, new_state
        with steps.StatelessScope.over(known, known.values()):
            return self.get_metrics_result(), new_state

    # ---- preparation ------------------------------------------------------------------------------------------------

    def _prepare(self, source: Source, training: bool) -> None:
        """Build what depends on the shape of a batch: the model, the loss, the metrics, the optimizer. Check the labels."""
        x, y, _ = source.first_batch()
        arguments = self._compile_arguments
        wanted = arguments.get("metrics"), arguments.get("weighted_metrics")
        needs_loss = self._compiled_loss is None and arguments.get("loss") is not None
        needs_metrics = self._compiled_metrics is None and y is not None and any(w is not None for w in wanted)
        if not self.built or needs_loss or needs_metrics:
            y_pred = self._symbolic_outputs(x)
            names = getattr(self, "output_names", None)
            if needs_loss:
                self._compiled_loss = CompiledLoss(arguments["loss"], arguments.get("loss_weights"), y_pred, names)
            if needs_metrics:
                self._compiled_metrics = CompiledMetrics(*wanted, y, y_pred, names)
        if training and not self.optimizer.built:
            self.optimizer.build(steps.trained_variables(self))
        watch_labels(self, source)

    def _symbolic_outputs(self, x: Any) -> Any:
        symbols = tree.map_structure(
            lambda a: (
                None
                if a is None
                else KerasTensor(tuple(a.shape), ops.dtype(a), sparse=registry.is_sparse(a), record_history=False)
            ),
            x,
        )
        return self(symbols)  # type: ignore[operator]

    def _runner(self, kind: str, layout: Layout) -> Runner:
        flags = tuple(v.trainable for v in self.variables)  # type: ignore[attr-defined]
        observers = tuple(self._observers) if kind == "train" else ()
        key = (kind, layout.key, flags, tuple(id(m) for m in self.metrics), observers)
        runner = self._runners.get(key)
        if runner is None:
            runner = self._runners[key] = make_runner(self, kind, layout)
        return runner

    # ---- fit --------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> Any:
        """Train for some epochs.

        Args:
            x: arrays or tensors, dense or sparse (also in lists and dictionaries), matrices of ``scipy.sparse``, a nested list
                of numbers, or an iterable of batches ``(x, y[, sample_weight])``.
            y: targets, for arrays.
            batch_size: rows in a batch, 32 by default.
            epochs: the epoch to end with.
            verbose: 0 for silence, 1 for a progress bar, 2 for a line an epoch; ``"auto"`` is 1.
            callbacks: callbacks.
            validation_split: the share of rows, from the end, to validate on.
            validation_data: ``(x, y[, sample_weight])`` or an iterable of batches to validate on.
            shuffle: whether rows come in another order each epoch; the order is the same on every backend.
            class_weight: class -> weight.
            sample_weight: a weight for each row.
            initial_epoch: the epoch to begin with, from 0.
            steps_per_epoch: batches in an epoch; all by default.
            validation_steps, validation_batch_size, validation_freq: the same for validation, and every how many epochs.

        Returns:
            A ``History``, whose ``history`` holds the figures of each epoch.
        """
        self._check_compiled("fit")
        self._check_trains()
        self.stop_training, self._observers = False, []
        if validation_split and validation_data is None:
            parts = parts_of_table(x, y, sample_weight, batch_size)
            (x, y, sample_weight), validation_data = train_validation_split(parts, validation_split)
        with registry.use(self._backend), contextlib.ExitStack() as opened:
            options: dict[str, Any] = {"shuffle": shuffle, "class_weight": class_weight, "backend": self._backend}
            source = make_source(x, y, sample_weight, batch_size=batch_size, **options)
            opened.callback(source.close)
            self._prepare(source, training=True)
            validation = self._validation_source(validation_data, validation_batch_size or batch_size)
            if validation is not None:
                opened.callback(validation.close)
            epochs = epochs if settings.max_epochs() is None else min(epochs, settings.max_epochs() or 0)
            listeners = CallbackList.of(
                callbacks, self, verbose=verbose, epochs=epochs, steps=_steps(source, steps_per_epoch), add_history=True
            )
            limits = (epochs, initial_epoch, steps_per_epoch, validation_steps, validation_freq)
            run = listeners.adjusted(Run(source, validation, *limits, listeners))
            listeners = run.listeners
            opened.callback(listeners.close)
            first_epoch, done = listeners.begin_or_resume(run.source, run.initial_epoch)
            logs: dict[str, Any] = {}
            for epoch in range(first_epoch, run.epochs):
                if not done:
                    self.reset_metrics()
                listeners.on_epoch_begin(epoch)
                runner = self._runner_of_epoch(run.source)
                logs = run_epoch(self, runner, run.source, listeners, "train", run.steps_per_epoch, done)
                done = 0
                if run.validation is not None and _is_due(epoch, run.validation_freq):
                    figures = self._evaluate_source(run.validation, run.validation_steps, listeners)
                    logs = logs | {f"val_{name}": value for name, value in figures.items()}
                listeners.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            if self.optimizer is not None and run.epochs > run.initial_epoch:
                self.optimizer.finalize_variable_values(self.trainable_variables)  # type: ignore[attr-defined]
            listeners.on_train_end(logs)
        return listeners.history

    def _runner_of_epoch(self, source: Source) -> Runner:
        """What runs the epoch to come: callbacks may have frozen layers since the last one, or compiled the model anew."""
        if not self.optimizer.built or (self._compiled_loss is None and self.loss is not None):
            self._prepare(source, training=True)
        return self._runner("train", source.layout)

    def _check_trains(self) -> None:
        if not self._backend.trains:
            raise ValueError(
                f"Model {self.name!r} was made on the {self._backend.name} backend, which doesn't train. Make it under "  # type: ignore[attr-defined]
                "triceras.backend_scope('jax'), 'torch' or 'tensorflow'."
            )

    def _validation_source(self, data: Any, batch_size: int | None) -> Any:
        if data is None:
            return None
        is_batches = not is_array_like(data) or (hasattr(data, "__next__"))
        x, y, weight = (data, None, None) if is_batches else unpack_x_y_sample_weight(data)
        source = make_source(
            x, y, weight, batch_size=batch_size, shuffle=False, class_weight=None, backend=self._backend
        )
        watch_labels(self, source)
        return source

    def _evaluate_source(self, source: Any, limit: int | None, listeners: CallbackList) -> dict[str, Any]:
        runner = self._runner("test", source.layout)
        self.reset_metrics()
        listeners.on_test_begin()
        figures = run_epoch(self, runner, source, listeners, "test", limit)
        listeners.on_test_end(figures)
        return figures

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The loss and the metrics on data.

        Args:
            x, y, batch_size, verbose, sample_weight, callbacks: as for ``fit``.
            steps: batches to take; all by default.
            return_dict: whether to return a dictionary.

        Returns:
            The loss, a list of the loss and the metrics, or a dictionary of them.
        """
        if kwargs:
            raise ValueError(f"evaluate() received arguments it doesn't know: {', '.join(kwargs)}.")
        self._check_compiled("evaluate")
        with registry.use(self._backend):
            source = make_source(
                x, y, sample_weight, batch_size=batch_size, shuffle=False, class_weight=None, backend=self._backend
            )
            with contextlib.closing(source):
                self._prepare(source, training=False)
                listeners = CallbackList.of(callbacks, self, verbose=verbose, epochs=1, steps=_steps(source, steps))
                with contextlib.closing(listeners):
                    figures = self._evaluate_source(source, steps, listeners)
        if return_dict:
            return figures
        values = list(figures.values())
        return values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for data, as arrays on the host.

        Args:
            x: arrays, tensors or an iterable of batches.
            batch_size: rows in a batch, 32 by default.
            verbose: 0 for silence, 1 for a progress bar; ``"auto"`` is 1.
            steps: batches to take; all by default.
            callbacks: callbacks.

        Returns:
            A structure of arrays, one row for each row of the data.
        """
        with registry.use(self._backend):
            source = make_source(
                x, None, None, batch_size=batch_size, shuffle=False, class_weight=None, backend=self._backend
            )
            if not self.built:
                self._symbolic_outputs(source.first_batch()[0])
            runner = self._runner("predict", source.layout)
            listeners = CallbackList.of(callbacks, self, verbose=verbose, epochs=1, steps=_steps(source, steps))
            with contextlib.closing(source), contextlib.closing(listeners):
                listeners.on_predict_begin()
                outputs = predict_batches(runner, source, listeners, steps)
                listeners.on_predict_end()
        return outputs

    # ---- single batches ---------------------------------------------------------------------------------------------

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Train on one batch; the figures are that batch's."""
        self._check_compiled("train_on_batch")
        self._check_trains()
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Evaluate one batch; the figures are that batch's."""
        self._check_compiled("test_on_batch")
        return self._on_batch("test", x, y, sample_weight, None, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as arrays on the host."""
        with registry.use(self._backend):
            source = ArraySource(x, batch_size=2**31 - 1, backend=self._backend)
            if not self.built:
                self._symbolic_outputs(source.first_batch()[0])
            output = self._runner("predict", source.layout).run(source.whole())
            return tree.map_structure(self._backend.to_numpy, output)

    def _on_batch(self, kind: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool) -> Any:
        with registry.use(self._backend):
            source = ArraySource(
                x, y, sample_weight, batch_size=2**31 - 1, class_weight=class_weight, backend=self._backend
            )
            self._prepare(source, training=kind == "train")
            self.reset_metrics()
            output = self._runner(kind, source.layout).run(source.whole())
            figures = self.read_logs(output)
        if return_dict:
            return figures
        values = list(figures.values())
        return values[0] if len(values) == 1 else values

    def read_logs(self, output: Any, kind: str = "test") -> dict[str, Any]:
        """The figures to report as Python floats: what the user's step returned, else the metrics' results."""
        if isinstance(output, dict) and output:
            figures = output
        elif all(type(metric).__module__.startswith("triceras.") for metric in self.metrics):
            figures = self._results_on_host()
        else:
            figures = self.get_metrics_result()
        if kind == "train" and self._observers:
            figures = figures | observed(self)
        return {name: _as_float(ops.convert_to_numpy(value)) for name, value in figures.items()}

    def _results_on_host(self) -> dict[str, Any]:
        """The metrics' results, computed by NumPy: one transfer, and nothing to compile for a handful of scalars."""
        variables = self.metrics_variables
        values = [self._backend.to_numpy(v.stored_value) for v in variables]
        with steps.StatelessScope.over(variables, values), registry.backend_scope("numpy"):
            return self.get_metrics_result()

    # ---- files ------------------------------------------------------------------------------------------------------

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of ``compile``, as JSON holds them."""
        if not self.compiled:
            return None
        config = {key: value for key, value in self._compile_arguments.items() if key != "auto_scale_loss"}
        config["optimizer"] = objects.serialize_keras_object(self.optimizer)
        return {key: objects.serialize_keras_object(value) for key, value in config.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with ``get_compile_config``'s result."""
        if self.overrides("compile") and not self.overrides("get_compile_config"):
            warnings.warn(
                "The model's compile() is its own, so it can't be compiled from the file. Call compile() after loading.",
                stacklevel=2,
            )
            return
        arguments = objects.deserialize_keras_object(config)
        if arguments.get("jit_compile") is False:  # Keras writes what it chose for its backend, not what it was told
            arguments["jit_compile"] = "auto"
        self.compile(**arguments)
        if self.built and self.optimizer is not None:
            self.optimizer.build(steps.trained_variables(self))

    def make_train_function(self, force: bool = False) -> None:
        """Forget the compiled steps, so that the next ones are made anew."""
        self._runners = Runners()

    make_test_function = make_predict_function = make_train_function


def _takes_training(model: Any) -> bool:
    from triceras.layers.call_plan import call_plan

    return call_plan(type(model).call).takes_training


def _as_float(x: np.ndarray) -> Any:
    return float(x) if x.ndim == 0 else x


def _steps(source: Source, limit: int | None) -> int | None:
    if source.steps is None:
        return limit
    return source.steps if limit is None else (min(source.steps, limit) if isinstance(source, ArraySource) else limit)


def _is_due(epoch: int, frequency: int | list[int]) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency
