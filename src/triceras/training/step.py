"""The pure steps: what training, evaluation and prediction do with the values of a model's variables and one batch.

Each maker returns ``(step, variables, constants)`` for ``Backend.step_loop``: ``step(values, constants, batch)`` takes the
values of the variables that it changes, of those that it reads, and a flat batch, and returns the new values and an output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import ops, tree
from triceras.core import dtypes, masks
from triceras.random.seed import global_seed_generator
from triceras.state.stateless import StatelessScope
from triceras.state.variable import Variable
from triceras.training.data.batches import Layout
from triceras.training.observer import watching

Step = Callable[[list[Any], list[Any], list[Any]], tuple[list[Any], Any]]


class StateChangeError(Exception):
    """A step changes variables that it was made to read only."""


def trained_variables(model: Any) -> list[Variable]:
    """The variables that gradients change: the trainable ones, but for integers, which have none."""
    return [v for v in model.trainable_variables if v.stored_dtype in (*dtypes.FLOATS, *dtypes.COMPLEX)]


def state_of(model: Any) -> tuple[list[Variable], list[Variable], list[Variable], list[Variable]]:
    """The variables of a model in four lists: those that are trained, other, the optimizer's, the metrics'."""
    trained = trained_variables(model)
    known = {id(v) for v in trained}
    untrained = [v for v in model.trainable_variables if id(v) not in known]
    other = [*untrained, *model.non_trainable_variables, global_seed_generator().state]
    optimizer = model.optimizer.variables if getattr(model, "optimizer", None) is not None else []
    return trained, other, list(optimizer), model.metrics_variables


def groups_of(model: Any, kind: str) -> list[list[Variable]]:
    """The variables of a model in the lists that a functional step of a kind takes and returns."""
    _, _, optimizer, metrics = state_of(model)
    more = {"train": [optimizer, metrics], "test": [metrics], "predict": []}[kind]
    return [model.trainable_variables, model.non_trainable_variables, *more]


def train_step(model: Any, layout: Layout) -> tuple[Step, list[Variable], list[Variable]]:
    """Forward, backward, update, metrics."""
    trainable, other, optimizer_variables, metric_variables = state_of(model)
    observers = list(model._observers)
    observer_variables = [v for observer in observers for v in observer.variables]
    variables = [*trainable, *other, *optimizer_variables, *metric_variables, *observer_variables]
    rest, count = variables[len(trainable) :], len(trainable)
    backend = model.backend

    @masks.table()
    def step(values: list[Any], constants: list[Any], batch: list[Any]) -> tuple[list[Any], Any]:
        x, y, sample_weight = layout.unflatten(batch)

        def scaled_loss(parameters: list[Any]) -> Any:
            with StatelessScope.over(variables, [*parameters, *values[count:]], collect_losses=True) as scope:
                with watching(observers, model, (x, y, sample_weight)):
                    y_pred = model(x, training=True)
                    loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
                    for observer in observers:
                        observer.saw_loss(loss)
                scaled = model.optimizer.scale_loss(loss)
            # What layers assigned to weights; the others stay the tensors they are, which are updated in place.
            assigned = [None if scope.values[v] is p else scope.values[v] for v, p in zip(trainable, parameters)]
            carried = masks.get_masks(tree.flatten(y_pred))  # what comes out of a derivative carries none
            return scaled, (loss, y_pred, carried, assigned, scope.current(rest))

        if count:
            _, results, gradients = backend.value_and_grad(scaled_loss, values[:count])
        else:
            gradients, (_, results) = [], scaled_loss([])
        loss, y_pred, carried, assigned, rest_values = results
        masks.set_masks(tree.flatten(y_pred), carried)
        trained = [old if new is None else new for old, new in zip(values, assigned)]
        with StatelessScope.over(variables, [*trained, *rest_values]) as scope:
            model.track_loss(loss, x)
            logs = (
                model.compute_metrics(x, y, y_pred, sample_weight)
                if model.logs_are_custom
                else model.update_metrics(x, y, y_pred, sample_weight)
            )
            if count:
                with backend.no_grad():
                    for observer in observers:
                        observer.update_state(gradients, trainable, model.optimizer)
                    model.optimizer._apply(gradients, trainable, fused=True)
        return scope.current(variables), logs

    return step, variables, []


def test_step(model: Any, layout: Layout) -> tuple[Step, list[Variable], list[Variable]]:
    """Forward, loss, metrics."""
    trainable, other, _, metric_variables = state_of(model)
    variables = [*other, *metric_variables]

    @masks.table()
    def step(values: list[Any], constants: list[Any], batch: list[Any]) -> tuple[list[Any], Any]:
        x, y, sample_weight = layout.unflatten(batch)
        with StatelessScope.over([*variables, *trainable], [*values, *constants], collect_losses=True) as scope:
            y_pred = model(x, training=False)
            loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
            scope.collect_losses = False
            model.track_loss(loss, x)
            logs = (
                model.compute_metrics(x, y, y_pred, sample_weight)
                if model.logs_are_custom
                else model.update_metrics(x, y, y_pred, sample_weight)
            )
        return scope.current(variables), logs

    return step, variables, trainable


def predict_step(
    model: Any, layout: Layout, carried: dict[Variable, None] | None = None
) -> tuple[Step, list[Variable], list[Variable]]:
    """Forward; what layers keep from call to call, as the states of an RNN and seeds, goes on.

    ``carried`` has the variables that are known to change. Where a call changes others they are added, and a
    ``StateChangeError`` is raised before anything is kept. They are few, and the rest only read, so that threads may predict
    at once. None: all that aren't trained may change.
    """
    trainable, other, _, _ = state_of(model)
    variables = dict.fromkeys(other) if carried is None else dict(carried)
    constants = [v for v in (*trainable, *other) if v not in variables]

    def step(values: list[Any], given: list[Any], batch: list[Any]) -> tuple[list[Any], Any]:
        x, _, _ = layout.unflatten(batch)
        with StatelessScope.over([*variables, *constants], [*values, *given], collect_losses=True) as scope:
            outputs = model(x, training=False)
        found = [v for v, old in zip(constants, given) if scope.values[v] is not old]
        if carried is not None and found:
            carried.update(dict.fromkeys(found))
            raise StateChangeError
        return scope.current(variables), outputs

    return step, list(variables), constants


def rows_in(x: Any) -> Any:
    """The number of rows in a batch: an integer, or a scalar tensor where a trace doesn't know it."""
    return next(ops.shape(leaf)[0] for leaf in tree.flatten(x) if leaf is not None)


#: Kind -> maker of its step.
STEPS = {"train": train_step, "test": test_step, "predict": predict_step}
