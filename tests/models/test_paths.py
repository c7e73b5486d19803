"""The paths of variables: the names of what they lie in, as Keras has them, so that no two in a model are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

import triceras
from tests import black_box
from triceras import layers

PROGRAM = '''
def paths(k):
    """The paths of the weights of models and layers, by how they come to be built."""
    L, x, found = k.layers, k.ops.ones((2, 4, 3)), []

    def called(layer, *args):
        layer(*args)
        return layer

    class Lazy(L.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.a, self.b = L.Dense(3, name="a"), L.Dense(3, name="b")

        def call(self, x):
            return self.b(self.a(x))

    class Explicit(Lazy):
        def build(self, shape):
            self.a.build(shape)
            self.b.build(shape)

    class Half(Lazy):
        def build(self, shape):
            self.own = self.add_weight((2,), name="own")
            self.b.build(shape)

    class Nested(L.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.first, self.second = Lazy(name="first"), Explicit(name="second")
            self.early = self.add_weight((2,), name="early")

        def call(self, x):
            return self.second(self.first(x))

    class Subclassed(k.Model):
        def __init__(self):
            super().__init__(name="subclassed")
            self.inner = k.Sequential([L.Dense(3, name="dense")], name="inner")

        def call(self, x):
            return self.inner(x)

    made = [
        called(L.MultiHeadAttention(2, 4, name="attention"), x, x),
        called(L.TimeDistributed(L.Dense(2, name="dense"), name="distributed"), x),
        called(L.SpectralNormalization(L.Dense(2, name="dense"), name="spectral"), x),
        *(called(kind(name="block"), x) for kind in (Lazy, Explicit, Half, Nested)),
        k.Sequential([k.Input((4, 3)), L.Dense(2, name="dense"), Lazy(name="lazy")], name="sequential"),
        called(k.Sequential([L.Dense(2, name="dense")], name="deferred"), x),
        called(Subclassed(), x),
    ]
    inputs = k.Input((4, 3))
    functional = k.Model(inputs, Nested(name="nested")(inputs), name="functional")
    shared = L.Dense(3, name="shared")
    shared.build((None, 4, 3))
    made += [functional, k.Sequential([k.Input((4, 3)), functional, shared, L.Dense(1, name="last")], name="outer")]
    with k.name_scope("scope"):
        made.append(called(Lazy(name="scoped"), x))
    return [[v.path for v in layer.weights] for layer in made]
'''
exec(PROGRAM)


def test_paths_are_those_of_keras(backend: Any) -> None:
    """However layers come to be built: by a shape, by a call, by what they lie in."""
    expected = black_box.run(PROGRAM + "\ndef answer(row):\n    return paths(keras)\n", [[]])[0]
    assert not isinstance(expected, str), expected
    assert paths(triceras) == expected  # noqa: F821


def test_layers_of_one_name_stay_apart(backend: Any) -> None:
    """Parts of two layers have the same names, and the tree of a model's state holds both."""
    inputs = triceras.Input((4, 3))
    x = layers.MultiHeadAttention(2, 4, name="one")(inputs, inputs)
    model = triceras.Model(inputs, layers.MultiHeadAttention(2, 4, name="other")(x, x))
    assert len({v.path for v in model.weights}) == len(model.weights) == 16
    state = model.get_state_tree("numpy_array")
    before = model.get_weights()
    model.set_weights([w * 0 for w in before])
    model.set_state_tree(state)
    for weight, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
