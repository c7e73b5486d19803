"""The examples of serving, asked over HTTP by clients at once: they answer as the model predicts, or tell what is wrong."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib.util
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

pytestmark = pytest.mark.slow

FOLDER = pathlib.Path(__file__).parents[1] / "examples"
#: Clients at once.
CLIENTS = 12


def example(name: str) -> Any:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where pydantic finds the names in annotations
    spec.loader.exec_module(module)
    return module


class Served(NamedTuple):
    """An example, what it serves, where, and the model or what it predicts."""

    module: Any
    path: pathlib.Path
    url: str
    model: Any


def at_once(module: Any, url: str, bodies: list[Any]) -> list[Any]:
    """The contents of the answers to all."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda body: module.ask(url, body), bodies))
    assert {status for status, _ in answers} == {200}
    return [content for _, content in answers]


def refused(url: str, body: bytes) -> tuple[int, str]:
    """The status and the text of an answer to something that is wrong."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    with caught.value as error:
        return error.code, error.read().decode()


# ---- TensorFlow Serving's layout ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tensorflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    module = example("serving_tensorflow")
    folder = tmp_path_factory.mktemp("models")
    predicted = module.export(folder)
    assert {str(path.relative_to(folder)) for path in folder.glob("*/*/saved_model.pb")} == {
        "digits/1/saved_model.pb",
        "digits/2/saved_model.pb",
    }
    with module.serving(folder) as url:
        yield Served(module, folder, f"{url}/v1/models/digits", predicted)


def test_versions(tensorflow_server: Served) -> None:
    module, _, url, predicted = tensorflow_server
    status, content = module.ask(url)
    assert (status, [one["version"] for one in content["model_version_status"]]) == (200, ["2", "1"])
    assert {one["state"] for one in content["model_version_status"]} == {"AVAILABLE"}
    rows = module.data()[0]
    assert not np.allclose(predicted[1], predicted[2], atol=0.01)
    for path, version in (("", 2), ("/versions/2", 2), ("/versions/1", 1)):
        bodies = [{"instances": rows[start : start + 20].tolist()} for start in range(0, 400, 20)]
        found = [row for content in at_once(module, f"{url}{path}:predict", bodies) for row in content["predictions"]]
        np.testing.assert_allclose(found, predicted[version][:400], atol=1e-5)


def test_rows_columns_and_signatures(tensorflow_server: Served) -> None:
    module, _, url, predicted = tensorflow_server
    rows, wanted = module.data()[0][:5].tolist(), predicted[2][:5]
    named = [{"pixels": row} for row in rows]
    found = [module.ask(f"{url}:predict", body)[1] for body in (
        {"instances": named}, {"signature_name": "serving_default", "inputs": rows}, {"inputs": {"pixels": rows}},
    )]  # fmt: skip
    assert [list(content) for content in found] == [["predictions"], ["outputs"], ["outputs"]]
    for content in found:
        np.testing.assert_allclose(next(iter(content.values())), wanted, atol=1e-5)
    digits = module.ask(f"{url}:predict", {"signature_name": "digit", "instances": named})[1]["predictions"]
    assert [one["digit"] for one in digits] == wanted.argmax(-1).tolist()
    np.testing.assert_allclose([one["probability"] for one in digits], wanted.max(-1), atol=1e-5)
    columns = module.ask(f"{url}:predict", {"signature_name": "digit", "inputs": rows})[1]["outputs"]
    assert columns["digit"] == wanted.argmax(-1).tolist()


@pytest.mark.parametrize("path, body, status, message", [
    (":predict", b'{"instances": [[1, 2]]}', 400, "Input 'pixels': expected float32 of shape (None, 64), received (1, 2)"),
    (":predict", b'{"instances": [{"other": [1]}]}', 400, "Input 'pixels'"),
    (":predict", b'{"instances": [["a"]]}', 400, "Input 'pixels'"),
    (":predict", b'{"inputs": {"other": [[1]]}}', 400, "Input 'pixels'"),
    (":predict", b'{"instances": [[1], [1, 2]]}', 400, "Input 'pixels'"),
    (":predict", b'{"instances": 3}', 400, "neither a list of 'instances' nor 'inputs'"),
    (":predict", b'{"signature_name": "x", "instances": []}', 400, "no signature 'x'. Expected one of: digit, serve"),
    (":predict", b"{", 400, "isn't JSON"),
    (":predict", b"[]", 400, "no JSON object"),
    ("/versions/3:predict", b"{}", 404, "Servable not found for request: Specific(digits, 3)"),
    ("2:predict", b"{}", 404, "Nothing is at /v1/models/digits2:predict"),
])  # fmt: skip
def test_what_tensorflow_serving_refuses(
    tensorflow_server: Served, path: str, body: bytes, status: int, message: str
) -> None:
    found, text = refused(tensorflow_server.url + path, body)
    assert found == status
    assert message in json.loads(text)["error"]


# ---- ONNX Runtime ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def onnx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    module = example("serving_onnx")
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    model = module.export(path)
    with module.serving(path) as url:
        yield Served(module, path, url, model)


def test_onnx_answers(onnx_server: Served) -> None:
    module, _, url, model = onnx_server
    rows = {name: array[:300] for name, array in module.data()[0].items()}
    rows["temperature"] = np.linspace(0.5, 3, 300, dtype="float32")[:, None]
    status, content = module.ask(url)
    assert (status, content["outputs"]) == (200, ["probabilities"])
    assert {name: (one["shape"][1:], one["dtype"]) for name, one in content["inputs"].items()} == {
        "pixels": ([64], "float32"),
        "temperature": ([1], "float32"),
    }
    starts = range(0, 300, 15)
    bodies = [{"inputs": {name: array[n : n + 15].tolist() for name, array in rows.items()}} for n in starts]
    found = [row for one in at_once(module, f"{url}/predict", bodies) for row in one["outputs"]["probabilities"]]
    np.testing.assert_allclose(found, model.predict(rows, verbose=0)["probabilities"], atol=1e-5)


PICTURE = json.dumps([[0.0] * 64]).encode()


@pytest.mark.parametrize("path, body, status, message", [
    ("/predict", b'{"inputs": {"pixels": [[1]], "temperature": [[1]]}}', 400, "'pixels': expected float32 of shape ['"),
    ("/predict", b'{"inputs": {"pixels": %b}}' % PICTURE, 400, "Input 'temperature': expected float32"),
    ("/predict", b'{"inputs": {"pixels": %b, "temperature": 1}}' % PICTURE, 400, "Input 'temperature'"),
    ("/predict", b'{"inputs": {"pixels": %b, "temperature": [["a"]]}}' % PICTURE, 400, "Input 'temperature'"),
    ("/predict", b'{"inputs": {"pixels": %b, "temperature": [[NaN]]}}' % PICTURE, 400, "received NaN or infinity"),
    ("/predict", b'{"inputs": {"pixels": %b, "temperature": [[1], [1]]}}' % PICTURE, 400, "different numbers of rows"),
    ("/predict", b"[1]", 400, "Input 'pixels'"),
    ("/predict", b"{", 400, "Expecting property name"),
    ("/other", b"{}", 404, "Nothing is at /other"),
])  # fmt: skip
def test_what_the_onnx_server_refuses(onnx_server: Served, path: str, body: bytes, status: int, message: str) -> None:
    found, text = refused(onnx_server.url + path, body)
    assert found == status
    assert message in json.loads(text)["error"]


@pytest.mark.parametrize("name, function", [("tensorflow", "load"), ("onnx", "Runner")])
def test_the_servers_need_one_runtime_alone(name: str, function: str, request: pytest.FixtureRequest) -> None:
    """With this package and the other frameworks out of reach, models load."""
    served: Served = request.getfixturevalue(f"{name}_server")
    runtimes = {"tensorflow": "tensorflow", "onnx": "onnxruntime"}
    missing = {"triceras", "jax", "torch", "keras", "sklearn", *runtimes.values()} - {runtimes[name]}
    program = (
        "import importlib.util, pathlib, sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(missing)}))\n"
        f"spec = importlib.util.spec_from_file_location('served', {served.module.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        f"module.{function}(pathlib.Path({str(served.path)!r}))\nprint('loaded')\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "loaded\n"), result.stderr


# ---- FastAPI -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fastapi_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    module = example("serving_fastapi")
    path = tmp_path_factory.mktemp("fastapi") / "model.keras"
    model = module.save(path)
    with module.serving(path) as url:
        yield Served(module, path, url, model)


def test_fastapi_answers(fastapi_server: Served) -> None:
    module, _, url, model = fastapi_server
    rows = module.data()[0][:200]
    before = module.ask(f"{url}/health")[1]
    found = at_once(module, f"{url}/predict", [{"pixels": row.tolist()} for row in rows])
    wanted = model.predict(rows, verbose=0)
    np.testing.assert_allclose([one["probabilities"] for one in found], wanted, atol=1e-5)
    assert [one["digit"] for one in found] == wanted.argmax(-1).tolist()
    after = module.ask(f"{url}/health")[1]
    assert (after["status"], after["rows"] - before["rows"]) == ("ok", 200)
    assert 200 / CLIENTS <= after["calls"] - before["calls"] <= 200


@pytest.mark.parametrize("body, kind", [
    (b'{"pixels": [1, 2]}', "too_short"),
    (b'{"pixels": %b}' % json.dumps([0.0] * 65).encode(), "too_long"),
    (b"{}", "missing"),
    (b'{"pixels": "text"}', "list_type"),
    (b'{"pixels": %b}' % json.dumps(["a"] + [0.0] * 63).encode(), "float_parsing"),
    (b'{"pixels": %b}' % json.dumps([1e400] + [0.0] * 63).encode(), "finite_number"),
])  # fmt: skip
def test_what_fastapi_refuses(fastapi_server: Served, body: bytes, kind: str) -> None:
    status, text = refused(f"{fastapi_server.url}/predict", body)
    detail = json.loads(text)["detail"][0]
    assert (status, detail["loc"][:2], detail["type"]) == (422, ["body", "pixels"], kind)
    assert fastapi_server.module.ask(f"{fastapi_server.url}/health")[0] == 200


def test_rows_are_gathered(fastapi_server: Served) -> None:
    """What waits already is one call; a failure reaches all who wait, not the next ones; who has gone harms nobody."""
    sizes = []

    def compute(rows: np.ndarray) -> np.ndarray:
        sizes.append(int(rows.any(-1).sum()))
        assert rows.shape == (8, 2)
        if (rows < 0).any():
            raise RuntimeError("no")
        return rows.sum(-1)

    async def program() -> None:
        batcher = fastapi_server.module.Batcher(compute, most=8, seconds=60.0)
        questions = [asyncio.create_task(batcher(np.array([1.0, number]))) for number in range(16)]
        await asyncio.sleep(0)
        task = asyncio.create_task(batcher.run())
        assert await asyncio.gather(*questions) == [1.0 + number for number in range(16)]
        batcher.seconds = 0.01
        failures = await asyncio.gather(batcher(np.array([-1.0, 1.0])), batcher(np.ones(2)), return_exceptions=True)
        assert [str(one) for one in failures] == ["no", "no"]
        gone = asyncio.create_task(batcher(np.ones(2)))
        await asyncio.sleep(0)
        gone.cancel()
        assert await batcher(np.ones(2)) == 2.0
        assert (batcher.rows, batcher.calls) == (20, 4)
        task.cancel()

    asyncio.run(program())
    assert sizes == [8, 8, 2, 2]


# ---- the end -----------------------------------------------------------------------------------------------------------

#: Example -> where it is asked, what, and the key of the answer.
QUESTIONS = {
    "tensorflow": ("/v1/models/digits:predict", b'{"instances": %b}' % PICTURE, "predictions"),
    "onnx": ("/predict", b'{"inputs": {"pixels": %b, "temperature": [[1]]}}' % PICTURE, "outputs"),
    "fastapi": ("/predict", b'{"pixels": %b}' % PICTURE[1:-1], "digit"),
}


def listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=60).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_server_answers_what_it_has_begun(name: str, request: pytest.FixtureRequest) -> None:
    """A signal comes when half of a request is there: no more are taken, this one is answered, and the exit code is 0."""
    served: Served = request.getfixturevalue(f"{name}_server")
    path, body, key = QUESTIONS[name]
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    command = [sys.executable, served.module.__file__, "--serve", str(served.path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        address = ("127.0.0.1", urllib.parse.urlsplit(url).port or 0)
        with socket.create_connection(address, timeout=60) as client:
            client.sendall(head.encode() + body[:9])
            # Connections are taken in their order: when a later one was answered, this one has been begun.
            assert refused(f"{url}/nowhere", b"{}")[0] == 404
            process.terminate()
            deadline = time.monotonic() + 60
            while listens(address) and time.monotonic() < deadline:
                time.sleep(0.02)
            client.sendall(body[9:])
            status, _, content = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert status.split()[1] == b"200"
    assert key in json.loads(content)
    assert process.returncode == 0
