"""Mistakes are answered with where, what was expected, what was received, and what to do."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

import triceras
from triceras import callbacks, layers
from triceras.backends import registry
from triceras.backends.registry import backend_scope

X = np.ones((8, 4), np.float32)
Y = np.ones((8, 2), np.float32)
MANY = np.ones((64, 4), np.float32)
#: Labels of which one of the last is out of range.
LATE = np.where(np.arange(64) == 60, 7, 0)


def model(outputs: int = 2, loss: object = "mse", **compiled: object) -> triceras.Model:
    made = triceras.Sequential([triceras.Input((4,)), layers.Dense(outputs, name="head")], name="net")
    made.compile("sgd", loss, **compiled)
    return made


def classifier(**options: object) -> triceras.Model:
    return model(3, triceras.losses.SparseCategoricalCrossentropy(from_logits=True, **options))


class Subclassed(triceras.Model):
    """A model whose outputs are known only when it is called."""

    def __init__(self) -> None:
        super().__init__(name="sub")
        self.head = layers.Dense(3, "softmax")

    def call(self, x: object) -> object:
        return self.head(x)


def subclassed(loss: object) -> triceras.Model:
    made = Subclassed()
    made.compile("sgd", loss)
    return made


def uncompiled() -> triceras.Model:
    return triceras.Sequential([triceras.Input((4,)), layers.Dense(2)], name="net")


def image_model() -> triceras.Model:
    made = triceras.Sequential([layers.Conv2D(2, 3, name="conv")], name="net")
    made.compile("sgd", "mse")
    return made


def two_outputs(**compiled: object) -> triceras.Model:
    x = triceras.Input((4,))
    made = triceras.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(2, name="b")(x)])
    made.compile("sgd", **compiled)
    return made


#: What goes wrong -> (what is done, the message).
MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "wrong rank": (
        lambda: image_model().fit(X, Y),
        r"Input 0 of layer '.*conv' doesn't fit: expected ndim=4, received ndim=2. Full shape .*: \(8, 4\). Reshape the input",
    ),
    "wrong width": (lambda: model().fit(X[:, :3], Y, verbose=0), r"(?s)head.*4.*3"),
    "wrong width in predict": (lambda: model().predict(X[:, :3], verbose=0), r"(?s)head.*4.*3"),
    "strings": (
        lambda: model().fit(np.array([["a"] * 4] * 8), Y, verbose=0),
        "string.*map strings to numbers first, with StringLookup, TextVectorization or NumPy",
    ),
    "lists of strings": (lambda: model().predict([["a"] * 4], verbose=0), "string.*map strings to numbers first"),
    "unknown dtype": (lambda: layers.Dense(2, dtype="float33"), "Unknown dtype policy 'float33'. Expected a dtype or one of"),
    "objects": (lambda: model().fit(np.array([[object()] * 4] * 8), Y, verbose=0), "Data of dtype object can't be trained on"),
    "not compiled": (lambda: uncompiled().fit(X, Y), r"Model 'net' isn't compiled. Call compile\(\) before fit\(\)"),
    "not compiled, evaluate": (lambda: uncompiled().evaluate(X, Y), r"isn't compiled. Call compile\(\) before evaluate\(\)"),
    "no loss": (lambda: model(loss=None).fit(X, Y, verbose=0), "There is nothing to minimise"),
    "no targets": (lambda: model().fit(X, verbose=0), "has a loss but the data has no targets: pass y"),
    "labels too high": (
        lambda: classifier().fit(X, np.arange(8), verbose=0),
        "labels of model 'net' are out of range: expected 0 to 2 for an output of 3 classes, received labels from 0 to 7",
    ),
    "labels too high later": (
        lambda: classifier().fit(MANY, LATE, verbose=0),
        "model 'net' are out of range: .* received labels from 0 to 7. Shift them",
    ),
    "labels too high in a later batch": (
        lambda: classifier().fit(((MANY[i : i + 8], LATE[i : i + 8]) for i in range(0, 64, 8)), verbose=0),
        "model 'net' are out of range: .* received labels from 0 to 7",
    ),
    "labels of validation": (
        lambda: classifier().fit(X, np.zeros(8, int), validation_data=(MANY, LATE), verbose=0),
        "model 'net' are out of range: .* received labels from 0 to 7",
    ),
    "labels of a subclass": (
        lambda: subclassed("sparse_categorical_crossentropy").fit(X, np.arange(8), verbose=0),
        "labels of model 'sub' are out of range: expected 0 to 2",
    ),
    "labels of one output": (
        lambda: two_outputs(loss={"a": "sparse_categorical_crossentropy", "b": "mse"}).fit(X, [np.full(8, 2), Y], verbose=0),
        "labels of model '.*', output 'a', are out of range: expected 0 to 1 .* received labels from 2 to 2",
    ),
    "labels as a column": (lambda: classifier().fit(X, np.arange(8)[:, None], verbose=0), "received labels from 0 to 7"),
    "labels as tensors": (
        lambda: classifier().fit(X, triceras.ops.convert_to_tensor(np.arange(8)), verbose=0),
        "received labels from 0 to 7",
    ),
    "labels of one batch": (lambda: classifier().train_on_batch(X, np.arange(8)), "received labels from 0 to 7"),
    "labels beside an ignored one": (
        lambda: classifier(ignore_class=-1).fit(X, np.array([0, 1, 2, -1, 5, 1, 2, 0]), verbose=0),
        "received labels from 0 to 5",
    ),
    "labels below zero": (lambda: classifier().fit(X, -np.ones(8, int), verbose=0), "received labels from -1 to -1"),
    "labels in evaluate": (lambda: classifier().evaluate(X, np.full(8, 9), verbose=0), "received labels from 9 to 9"),
    "empty arrays": (lambda: model().fit(X[:0], Y[:0]), "The data set is empty: its arrays have no rows"),
    "empty arrays in evaluate": (lambda: model().evaluate(X[:0], Y[:0]), "The data set is empty: its arrays have no rows"),
    "empty arrays in predict": (lambda: model().predict(X[:0]), "The data set is empty: its arrays have no rows"),
    "empty lists": (lambda: model().fit([], []), "The data set is empty: its arrays have no rows"),
    "empty generator in evaluate": (lambda: model().evaluate(iter([])), "The data set is empty: it yielded no batch"),
    "empty generator": (lambda: model().fit(iter([])), "The data set is empty: it yielded no batch"),
    "no data": (lambda: model().fit(), "There is no data: x is None"),
    "lengths differ": (lambda: model().fit(X, Y[:5]), "different numbers of samples: x: 8, y: 5, sample_weight: None"),
    "y beside a generator": (lambda: model().fit(iter([(X, Y)]), Y), "y and sample_weight come out of the batches"),
    "generator ends early": (
        lambda: model().fit(iter([(X, Y)] * 3), epochs=1, steps_per_epoch=5, verbose=0),
        "The data ended early: expected 5 batches in this epoch, received 3",
    ),
    "generator is used up": (lambda: model().fit(iter([(X, Y)]), epochs=2, verbose=0), "The data ran out"),
    "batch of four": (lambda: model().fit(iter([(X, Y, X, Y)])), "received a tuple of 4"),
    "batch size": (lambda: model().fit(X, Y, batch_size=0), "batch_size is a positive integer, received 0"),
    "validation split": (
        lambda: model().fit(X, Y, validation_split=1.5),
        "validation_split lies between 0 and 1, received 1.5",
    ),
    "empty validation": (lambda: model().fit(X[:1], Y[:1], validation_split=0.5), "leaves one part empty"),
    "class and sample weights": (
        lambda: model().fit(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(8)),
        "Pass class_weight or sample_weight, not both",
    ),
    "steps per execution": (lambda: model(steps_per_execution=0), "positive integer or 'auto', received 0"),
    "eager and jit": (lambda: model(run_eagerly=True, jit_compile=True), "exclude each other"),
    "unknown loss": (lambda: model(loss="mze").fit(X, Y, verbose=0), "Unknown loss.*'mze'"),
    "unknown metric": (lambda: model(metrics=["mze"]).fit(X, Y, verbose=0), "Unknown metric.*'mze'"),
    "unknown optimizer": (lambda: uncompiled().compile("sgdd", "mse"), "Unknown optimizer.*'sgdd'"),
    "ambiguous loss": (lambda: model(loss="crossentropy").fit(X, Y, verbose=0), "The loss 'crossentropy' is ambiguous"),
    "losses for other outputs": (
        lambda: two_outputs(loss={"a": "mse", "c": "mse"}).fit(X, [Y, Y], verbose=0),
        r"loss is given for outputs \['c'\] that the model doesn't have. Its outputs: \['a', 'b'\]",
    ),
    "too few losses": (lambda: two_outputs(loss=["mse"]).fit(X, [Y, Y], verbose=0), "list of 1 for a model with 2 outputs"),
    "too few targets": (lambda: two_outputs(loss="mse").fit(X, [Y], verbose=0), "y has 1 parts for a model with 2 outputs"),
    "missing target": (
        lambda: two_outputs(loss="mse").fit(X, {"a": Y}, verbose=0),
        r"y is a dictionary without the outputs \['b'\]",
    ),
    "a callback that is none": (lambda: model().fit(X, Y, callbacks=[3]), "A callback is an instance of Callback, received 3"),
    "evaluate's arguments": (lambda: model().evaluate(X, Y, epochs=3), "arguments it doesn't know: epochs"),
}  # fmt: skip


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> object:
    with backend_scope(request.param) as current:
        yield current


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(training_backend: object, mistake: str) -> None:
    action, message = MISTAKES[mistake]
    with pytest.raises((ValueError, TypeError), match=message):
        action()


def test_targets_of_another_shape_name_both(training_backend: object) -> None:
    with pytest.raises((ValueError, TypeError, RuntimeError), match=r"shape|size") as caught:
        model().fit(X, np.ones((8, 3), np.float32), verbose=0)
    note = (
        "with targets of shape (8, 3) and predictions of shape (8, 2). Bring the targets to the form of the predictions"
    )
    assert any(note in known for known in caught.value.__notes__) or note in str(caught.value)


def test_ignored_labels_may_be_out_of_range(training_backend: object) -> None:
    labels = np.array([0, 1, 2, -1, 0, 1, 2, -1])
    history = classifier(ignore_class=-1).fit(X, labels, verbose=0).history
    assert np.isfinite(history["loss"][0])


def test_an_unbuilt_model(training_backend: object, tmp_path: pathlib.Path) -> None:
    blank = triceras.Sequential([layers.Dense(2)], name="blank")
    with pytest.raises(ValueError, match=r"'blank' isn't built, so its weights can't be counted\. Call it or build"):
        blank.count_params()
    with pytest.raises(
        ValueError, match=r"'blank' has 0 weights, received 1 arrays\. It isn't built: call it or build"
    ):
        blank.set_weights([X])
    with pytest.raises(
        AttributeError, match=r"'blank' isn't built, so it has no inputs and outputs yet\. Call it or build"
    ):
        _ = blank.output
    with pytest.raises(ValueError, match=r"'blank' isn't built, so it has no weights to save\. Call it on data first"):
        blank.save_weights(tmp_path / "x.weights.h5")


def test_stopping_on_nan(training_backend: object, capsys: pytest.CaptureFixture[str]) -> None:
    broken = np.full((8, 2), np.nan, np.float32)
    net = model()
    history = net.fit(X, broken, epochs=5, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1
    assert "the loss of model 'net' is nan; training ends" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="Lower the learning rate, clip gradients, or look for NaN"):
        model().fit(X, broken, verbose=0, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


def test_tensors_of_two_frameworks() -> None:
    with backend_scope("jax"):
        tensor = triceras.ops.convert_to_tensor(X)
    with backend_scope("torch"):
        net = model()
        with pytest.raises(TypeError, match=r"Layer 'net' runs on torch and received a tensor of jax\. Convert it"):
            net(tensor)


def test_an_op_on_tensors_of_two_frameworks() -> None:
    with backend_scope("jax"):
        left = triceras.ops.convert_to_tensor(X)
    with backend_scope("torch"):
        right = triceras.ops.convert_to_tensor(X)
    with pytest.raises(
        TypeError, match=r"add\(\) received tensors of two frameworks: jax and torch\. Convert one with `with"
    ):
        triceras.ops.add(left, right)
