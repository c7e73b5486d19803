"""``jit_compile=True`` under torch compiles the captured step with inductor, to the same numbers."""

from __future__ import annotations

import numpy as np

import triceras
from triceras import Input, Sequential, layers, losses, utils


def test_inductor_trains_the_same_model() -> None:
    """With dropout, batch statistics and Adam; the graph is what is compiled, so nothing falls back."""
    x = np.random.default_rng(0).normal(size=(96, 6)).astype("float32")
    y = np.arange(96) % 3
    found = {}
    with triceras.backend_scope("torch"):
        for jit_compile in ("auto", True):
            utils.set_random_seed(5)
            model = Sequential(
                [
                    Input((6,)),
                    layers.Dense(8, "relu"),
                    layers.BatchNormalization(),
                    layers.Dropout(0.3),
                    layers.Dense(3),
                ]
            )
            loss = losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("adam", loss, metrics=["accuracy"], jit_compile=jit_compile)
            history = model.fit(x, y, batch_size=16, epochs=2, verbose=0).history
            (runner,) = model._runners.values()
            found[jit_compile] = [*history["loss"], *history["accuracy"], *(w.sum() for w in model.get_weights())]
            assert not runner.loop.fallback
    np.testing.assert_allclose(found[True], found["auto"], rtol=1e-5, atol=1e-6)
