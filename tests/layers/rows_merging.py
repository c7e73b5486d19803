"""Layers that join several inputs."""

from __future__ import annotations

from typing import Any

from tests.layers.table import Row, normal, row

A, B, C = normal(2, 3, 4), normal(2, 3, 4, seed=1), normal(2, 3, 4, seed=2)
VECTOR, WIDE = normal(2, 4), normal(2, 1, 4, seed=3)
COMMON: dict[str, Any] = {"name": "given", "trainable": False, "dtype": "float16"}
ELEMENTWISE = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")


def masked(layers: Any, **more: Any) -> Any:
    """Masks that are joined: by all layers' rule, and side by side."""

    class Joined(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.first, self.second = layers.Masking(), layers.Masking(1.0)
            self.add, self.join, self.pool = layers.Add(), layers.Concatenate(1), layers.GlobalAveragePooling1D()

        def call(self, inputs: Any) -> Any:
            x, y = self.first(inputs[0]), self.second(inputs[1])
            return [self.pool(self.add([x, y])), self.pool(self.join([x, y]))]

    return Joined(**more)


ZEROS, ONES = A.copy(), B.copy()
ZEROS[0, 2], ONES[1, 0] = 0.0, 1.0

ROWS: list[Row] = [
    *(row(layer, {}, [A, B], config=COMMON, unknown=(0, 1), gradient=False) for layer in ELEMENTWISE),
    *(
        row(layer, {}, [A, WIDE, C], name="broadcast", gradient=False, mixed=False)
        for layer in ELEMENTWISE
        if layer != "Subtract"
    ),
    row("Add", {}, [A, VECTOR], name="ranks", gradient=False, mixed=False),
    row("Concatenate", {}, [A, normal(2, 3, 2)], config=COMMON | {"axis": 1}, gradient=False),
    row("Concatenate", {"axis": 1}, [A, normal(2, 2, 4), WIDE], unknown=(0, 1), name="axis", gradient=False),
    row("Dot", {"axes": 2}, [A, B], config=COMMON | {"axes": [1, 2], "normalize": True}, gradient=False),
    row("Dot", {"axes": (1, 2)}, [A, normal(2, 5, 3)], name="axes", gradient=False, mixed=False),
    row("Dot", {"axes": -1, "normalize": True}, [VECTOR, normal(2, 4, seed=1)], name="cosine", gradient=False),
    row("Dot", {"axes": (2, 1)}, [A, VECTOR], name="ranks", gradient=False, mixed=False),
    row(masked, {}, [ZEROS, ONES], file=False, gradient=False, mixed=False, keras="torch"),
]

ERRORS: list[Any] = [
    ("Add", {}, (A,), "Layer 'add.*' is called on a list of tensors"),
    ("Add", {}, ([A, normal(3, 3, 4)],), "different batch sizes"),
    ("Multiply", {}, ([A, normal(2, 3, 5)],), "Layer 'multiply.*'"),
    ("Subtract", {}, ([A, B, C],), "two inputs, received 3"),
    (
        "Concatenate",
        {},
        ([A, normal(2, 2, 4)],),
        r"differ in axis -1 only, received the shapes \[\(2, 3, 4\), \(2, 2, 4\)\]",
    ),
    ("Dot", {"axes": 1}, ([A, normal(2, 5, 4)],), "axis 1 of the first input and axis 1 of the second"),
    ("Dot", {"axes": (1, 2, 3)}, ([A, B],), "axes is an integer or two"),
    ("Dot", {"axes": 0}, ([A, B],), "can't name the batch axis"),
]
