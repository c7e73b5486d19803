"""A model for ONNX Runtime: exported from PyTorch, served by a process that has onnxruntime and NumPy alone.

    python examples/serving_onnx.py                                  # trains, exports, serves, asks, compares
    python examples/serving_onnx.py --serve model.onnx --port 8080   # serves a file that is there

``GET /`` tells the inputs and outputs, ``POST /predict`` takes ``{"inputs": {name: rows}}`` and gives
``{"outputs": {name: rows}}``. What doesn't fit is answered with the status 400 and a message that names the input.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

# ---- training and exporting --------------------------------------------------------------------------------------------


def data() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Pictures of digits as rows of 64 numbers, a temperature for each, and which digits they are."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return {"pixels": (x / 16.0).astype("float32"), "temperature": np.ones((len(x), 1), "float32")}, y.astype("int32")


def export(path: pathlib.Path) -> Any:
    """Train a model and export it; returns it."""
    import triceras
    from triceras import layers, ops

    with triceras.backend_scope("torch"):
        triceras.utils.set_random_seed(0)
        pixels, temperature = triceras.Input((64,), name="pixels"), triceras.Input((1,), name="temperature")
        logits = layers.Dense(10)(layers.Dense(64, "relu")(pixels))
        probabilities = ops.softmax(logits / temperature)
        model = triceras.Model({"pixels": pixels, "temperature": temperature}, {"probabilities": probabilities})
        model.compile("adam", {"probabilities": "sparse_categorical_crossentropy"})
        x, y = data()
        model.fit(x, {"probabilities": y}, epochs=10, verbose=0)
    model.export(path, format="onnx", verbose=False)
    return model


# ---- serving, with onnxruntime and NumPy alone -------------------------------------------------------------------------

DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int32)": "int32", "tensor(int64)": "int64"}


class Runner:
    """Runs a model on inputs that come as JSON."""

    def __init__(self, path: pathlib.Path) -> None:
        import onnxruntime

        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.outputs = [one.name for one in self.session.get_outputs()]

    def describe(self) -> dict[str, Any]:
        """The shapes and dtypes of inputs, and the names of outputs."""
        inputs = {one.name: {"shape": one.shape, "dtype": DTYPES[one.type]} for one in self.session.get_inputs()}
        return {"inputs": inputs, "outputs": self.outputs}

    def predict(self, given: Any) -> dict[str, Any]:
        """The outputs, by name.

        Raises:
            ValueError: the inputs don't fit.
        """
        arrays = {name: checked(name, given, **spec) for name, spec in self.describe()["inputs"].items()}
        if len({len(x) for x in arrays.values()}) > 1:
            raise ValueError(f"The inputs {', '.join(arrays)} have different numbers of rows.")
        return dict(zip(self.outputs, (x.tolist() for x in self.session.run(self.outputs, arrays))))


def checked(name: str, given: Any, shape: list[Any], dtype: str) -> np.ndarray:
    """An input as an array; sizes that may differ are names in its shape."""
    expected = f"Input {name!r}: expected {dtype} of shape {shape}"
    if not isinstance(given, dict) or name not in given:
        raise ValueError(f"{expected}, received nothing.")
    try:
        array = np.asarray(given[name], dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{expected}: {error}") from None
    sizes = zip(shape, array.shape)
    if array.ndim != len(shape) or any(isinstance(size, int) and size != own for size, own in sizes):
        raise ValueError(f"{expected}, received {list(array.shape)}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{expected}, received NaN or infinity in it.")
    return array


class Handler(BaseHTTPRequestHandler):
    """Answers requests."""

    runner: Runner

    def do_GET(self) -> None:
        if self.path == "/":
            self.answer(200, self.runner.describe())
        else:
            self.answer(404, {"error": f"Nothing is at {self.path}."})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/predict":
            self.answer(404, {"error": f"Nothing is at {self.path}."})
            return
        try:
            body = json.loads(text)
            self.answer(200, {"outputs": self.runner.predict(body.get("inputs") if isinstance(body, dict) else None)})
        except ValueError as error:
            self.answer(400, {"error": str(error)})

    def answer(self, status: int, content: Any) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


class Server(ThreadingHTTPServer):
    """Answers what it has begun before it ends."""

    daemon_threads = False
    request_queue_size = 128


def serve(path: pathlib.Path, port: int) -> None:
    """Serve until a signal ends it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    Handler.runner = Runner(path)
    with Server(("127.0.0.1", port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


# ---- a client ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(path: pathlib.Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
    if process.returncode:
        raise SystemExit(f"The server ended with the exit code {process.returncode}.")


def ask(url: str, body: Any = None) -> tuple[int, Any]:
    """The status and the content of an answer."""
    text = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, text), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def main() -> None:
    """Serve a file, or show everything."""
    parser = argparse.ArgumentParser(description="A model for ONNX Runtime.")
    parser.add_argument("--serve", type=pathlib.Path, metavar="FILE", help="serve the model in it")
    parser.add_argument("--port", type=int, default=8080)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.port)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        model = export(path)
        x, y = data()
        rows = {name: array[:100] for name, array in x.items()}
        with serving(path) as url:
            print("serves", ask(url)[1])
            inputs = {name: array.tolist() for name, array in rows.items()}
            found = np.array(ask(f"{url}/predict", {"inputs": inputs})[1]["outputs"]["probabilities"])
            print("a request that is wrong", ask(f"{url}/predict", {"inputs": {"pixels": [[1.0]]}}))
    np.testing.assert_allclose(found, model.predict(rows, verbose=0)["probabilities"], atol=1e-5)
    right = float(np.mean(found.argmax(-1) == y[:100]))
    if right < 0.9:
        raise SystemExit(f"Only {right:.0%} of the digits were recognised.")
    print(f"The server answers as the model predicts; {right:.0%} of the digits are right.")


if __name__ == "__main__":
    main()
