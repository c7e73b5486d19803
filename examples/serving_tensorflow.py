"""TensorFlow Serving: two versions of a model in its layout, and answers as its REST API gives them.

    python examples/serving_tensorflow.py                               # trains, exports, serves, asks, compares
    python examples/serving_tensorflow.py --serve models --port 8501    # serves a folder that is there

The model is trained on JAX. What is left is ``models/models.config`` and ``models/digits/<version>/saved_model.pb``, which
the real server reads:

    docker run -p 8501:8501 -v "$PWD/models:/models" tensorflow/serving --model_config_file=/models/models.config

That server is no Python package, so what runs here is a stand-in: ``serve`` below reads the same folder with TensorFlow alone
and answers ``GET /v1/models/NAME`` and ``POST /v1/models/NAME[/versions/N]:predict`` in the same form, with ``"instances"`` (a
list of rows) or ``"inputs"`` (columns) and a ``"signature_name"``. It is for trying things out: it neither batches nor reloads.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

CONFIG = """model_config_list {
  config {
    name: "digits"
    base_path: "/models/digits"
    model_platform: "tensorflow"
    model_version_policy { all {} }
  }
}
"""


# ---- training and exporting ------------------------------------------------------------------------------------------


def data() -> tuple[np.ndarray, np.ndarray]:
    """Pictures of digits as rows of 64 numbers, and which digits they are."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16.0).astype("float32"), y.astype("int32")


def export(folder: pathlib.Path) -> dict[int, np.ndarray]:
    """Train a model, export it after two epochs and after ten; returns what each version predicts for the data."""
    import triceras
    from triceras import layers, ops

    def digit(pixels: Any) -> Any:
        probabilities = model(pixels)
        return {"digit": ops.argmax(probabilities, -1), "probability": ops.max(probabilities, -1)}

    x, y = data()
    predicted = {}
    with triceras.backend_scope("jax"):
        triceras.utils.set_random_seed(0)
        stack = [layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
        model = triceras.Sequential([triceras.Input((64,), name="pixels"), *stack])
        model.compile("adam", "sparse_categorical_crossentropy")
        for version, epochs in ((1, 2), (2, 10)):
            model.fit(x, y, epochs=epochs, verbose=0)
            archive = triceras.export.ExportArchive(format="tf_saved_model")
            archive.track_and_add_endpoint("serve", model)  # the first endpoint is "serving_default" too
            archive.add_endpoint("digit", digit, [triceras.InputSpec(shape=(None, 64), dtype="float32", name="pixels")])
            archive.write_out(folder / "digits" / str(version), verbose=False)
            predicted[version] = model.predict(x, verbose=0)
    (folder / "models.config").write_text(CONFIG)
    return predicted


# ---- the stand-in for the server, with TensorFlow alone ----------------------------------------------------------------


class RequestError(Exception):
    """What a client did wrong, and the status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def load(folder: pathlib.Path) -> dict[str, dict[int, Any]]:
    """The models that ``models.config`` names: name -> version -> signatures."""
    import tensorflow as tf

    names = re.findall(r'name:\s*"([^"]+)"', (folder / "models.config").read_text())
    return {
        name: {
            int(path.parent.name): tf.saved_model.load(path.parent).signatures
            for path in sorted((folder / name).glob("[0-9]*/saved_model.pb"))
        }
        for name in names
    }


def predict(signatures: Any, body: Any) -> dict[str, Any]:
    """The answer to a request for outputs."""
    name = body.get("signature_name", "serving_default")
    if name not in signatures:
        raise RequestError(400, f"There is no signature {name!r}. Expected one of: {', '.join(sorted(signatures))}.")
    specs = signatures[name].structured_input_signature[1]
    if isinstance(rows := body.get("instances"), list):
        by_name = all(isinstance(row, dict) for row in rows)
        given = {key: [row.get(key) for row in rows] for key in specs} if by_name else dict.fromkeys(specs, rows)
    elif "inputs" in body:
        given = body["inputs"] if isinstance(body["inputs"], dict) else dict.fromkeys(specs, body["inputs"])
    else:
        raise RequestError(400, "The request has neither a list of 'instances' nor 'inputs'.")
    outputs = {key: x.numpy() for key, x in signatures[name](**tensors(specs, given)).items()}
    if "inputs" in body:
        columns = {key: x.tolist() for key, x in outputs.items()}
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    if len(outputs) == 1:
        return {"predictions": next(iter(outputs.values())).tolist()}
    return {"predictions": [dict(zip(outputs, (x.tolist() for x in row))) for row in zip(*outputs.values())]}


def tensors(specs: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What goes into a signature, checked."""
    import tensorflow as tf

    found = {}
    for name, spec in specs.items():
        expected = f"Input {name!r}: expected {spec.dtype.name} of shape {spec.shape}"
        try:
            found[name] = tf.constant(given[name], spec.dtype)
        except (KeyError, TypeError, ValueError):
            raise RequestError(400, f"{expected}, received {str(given.get(name))[:60]}.") from None
        if not spec.shape.is_compatible_with(found[name].shape):
            raise RequestError(400, f"{expected}, received {found[name].shape}.")
    return found


class Handler(BaseHTTPRequestHandler):
    """Answers requests."""

    models: dict[str, dict[int, Any]]

    def do_GET(self) -> None:
        self.answer(rf"/v1/models/({'|'.join(self.models)})", self.status)

    def do_POST(self) -> None:
        self.answer(rf"/v1/models/({'|'.join(self.models)})(?:/versions/(\d+))?:predict", self.outputs)

    def status(self, name: str) -> dict[str, Any]:
        fine = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return {"model_version_status": [{"version": str(v), **fine} for v in sorted(self.models[name], reverse=True)]}

    def outputs(self, name: str, version: str | None) -> dict[str, Any]:
        versions = self.models[name]
        number = int(version) if version else max(versions)
        if number not in versions:
            raise RequestError(404, f"Servable not found for request: Specific({name}, {number})")
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        except ValueError as error:
            raise RequestError(400, f"The request isn't JSON: {error}") from None
        if not isinstance(body, dict):
            raise RequestError(400, "The request is no JSON object.")
        return predict(versions[number], body)

    def answer(self, pattern: str, make: Any) -> None:
        found = re.fullmatch(pattern, self.path)
        try:
            if found is None:
                raise RequestError(404, f"Nothing is at {self.path}.")
            status, content = 200, make(*found.groups())
        except RequestError as error:
            status, content = error.status, {"error": str(error)}
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


def serve(folder: pathlib.Path, port: int) -> None:
    """Serve until a signal ends it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    Handler.models = load(folder)
    with Server(("127.0.0.1", port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


# ---- a client ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(folder), "--port", "0"]
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
    """Serve a folder, or show everything."""
    parser = argparse.ArgumentParser(description="Models for TensorFlow Serving.")
    parser.add_argument("--serve", type=pathlib.Path, metavar="FOLDER", help="serve the models in it")
    parser.add_argument("--port", type=int, default=8501)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.port)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        predicted = export(folder)
        print("exported", *sorted(str(path.relative_to(folder)) for path in folder.glob("**/saved_model.pb")))
        x, y = data()
        rows = x[:100].tolist()
        with serving(folder) as url:
            model = f"{url}/v1/models/digits"
            print("status", ask(model)[1])
            for path, version in (("", 2), ("/versions/1", 1)):
                answer = ask(f"{model}{path}:predict", {"instances": rows})[1]
                np.testing.assert_allclose(answer["predictions"], predicted[version][:100], atol=1e-5)
            answer = ask(f"{model}:predict", {"signature_name": "digit", "inputs": {"pixels": rows}})[1]["outputs"]
            right = float(np.mean(np.array(answer["digit"]) == y[:100]))
            print("a request that is wrong", ask(f"{model}:predict", {"instances": [[1.0]]}))
    if right < 0.9:
        raise SystemExit(f"Only {right:.0%} of the digits were recognised.")
    print(f"Both versions answer as the model predicts; {right:.0%} of the digits are right.")


if __name__ == "__main__":
    main()
