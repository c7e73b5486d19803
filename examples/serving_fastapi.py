"""A web service by FastAPI that gathers requests: what comes within a few milliseconds is one call of the model.

    python examples/serving_fastapi.py                                    # trains, serves, asks, compares
    python examples/serving_fastapi.py --serve model.keras --port 8000    # serves a file that is there

``POST /predict`` takes ``{"pixels": [64 numbers]}`` and gives ``{"digit": ..., "probabilities": [...]}``; what doesn't fit is
answered with the status 422, and with the input's name. ``GET /health`` tells how many rows were computed in how many calls.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, FiniteFloat

import triceras
from triceras import layers


def data() -> tuple[np.ndarray, np.ndarray]:
    """Pictures of digits as rows of 64 numbers, and which digits they are."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16.0).astype("float32"), y.astype("int32")


def save(path: pathlib.Path) -> triceras.Model:
    """Train a model and save it; returns it."""
    with triceras.backend_scope("jax"):
        triceras.utils.set_random_seed(0)
        stack = [layers.Dense(64, "relu"), layers.Dense(10, "softmax")]
        model = triceras.Sequential([triceras.Input((64,), name="pixels"), *stack])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(*data(), epochs=10, verbose=0)
    model.save(path)
    return model


# ---- the service -------------------------------------------------------------------------------------------------------


class Batcher:
    """Gathers rows and computes them together.

    Args:
        compute: takes an array of ``most`` rows, gives one with a row for each.
        most: rows of a call. Calls always have so many, the last ones being zeros, for each size is compiled anew.
        seconds: how long the first row of a call waits for others.
    """

    def __init__(self, compute: Callable[[np.ndarray], np.ndarray], most: int = 32, seconds: float = 0.003) -> None:
        self.compute, self.most, self.seconds = compute, most, seconds
        self.queue: asyncio.Queue[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = asyncio.Queue()
        self.rows = self.calls = 0

    async def __call__(self, row: np.ndarray) -> np.ndarray:
        """What the model computes for a row."""
        future = asyncio.get_running_loop().create_future()
        await self.queue.put((row, future))
        return await future

    async def run(self) -> None:
        """Compute what is asked for, for ever."""
        while True:
            waiting = [await self.queue.get()]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.seconds):
                    while len(waiting) < self.most:
                        waiting.append(await self.queue.get())
            rows = np.zeros((self.most, *waiting[0][0].shape), "float32")
            rows[: len(waiting)] = [row for row, _ in waiting]
            try:
                results: Any = await asyncio.to_thread(self.compute, rows)
            except Exception as error:  # noqa: BLE001 - each of those who wait is to be told
                results = [error] * len(waiting)
            self.rows, self.calls = self.rows + len(waiting), self.calls + 1
            for (_, future), result in zip(waiting, results):
                if future.done():  # whoever asked has gone
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)


class Question(BaseModel):
    """A picture, row by row, from 0 to 1."""

    pixels: list[FiniteFloat] = Field(min_length=64, max_length=64)


class Answer(BaseModel):
    """The likeliest digit, and how likely each one is."""

    digit: int
    probabilities: list[float]


def create_app(path: pathlib.Path) -> FastAPI:
    """The service for the model in a file."""
    with triceras.backend_scope("jax"):
        model = triceras.models.load_model(path, compile=False)
    batcher = Batcher(model.predict_on_batch)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        model.predict_on_batch(np.zeros((batcher.most, 64), "float32"))  # compiled before somebody waits for it
        task = asyncio.create_task(batcher.run())
        yield
        task.cancel()

    app = FastAPI(title="Digits", lifespan=lifespan)

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
        # What was received isn't repeated, as FastAPI does by itself: it may hold an infinity, which JSON can't.
        parts = ("type", "loc", "msg")
        return JSONResponse({"detail": [{part: one[part] for part in parts} for one in error.errors()]}, 422)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "rows": batcher.rows, "calls": batcher.calls}

    @app.post("/predict")
    async def predict(question: Question) -> Answer:
        probabilities = await batcher(np.asarray(question.pixels, "float32"))
        return Answer(digit=int(probabilities.argmax()), probabilities=probabilities.tolist())

    return app


def serve(path: pathlib.Path, port: int) -> None:
    """Serve until a signal ends it; requests that have come are answered first."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    server = uvicorn.Server(uvicorn.Config(create_app(path), log_level="warning"))
    with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        server.run(sockets=[listening])


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
    request = urllib.request.Request(url, text, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def main() -> None:
    """Serve a file, or show everything."""
    parser = argparse.ArgumentParser(description="A web service with dynamic batching.")
    parser.add_argument("--serve", type=pathlib.Path, metavar="FILE", help="serve the model in it")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.port)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model = save(path)
        x, y = data()
        with serving(path) as url, concurrent.futures.ThreadPoolExecutor(16) as clients:
            bodies = [{"pixels": row.tolist()} for row in x[:100]]
            answers = [content for _, content in clients.map(lambda body: ask(f"{url}/predict", body), bodies)]
            print("health", ask(f"{url}/health")[1])
            print("a request that is wrong", ask(f"{url}/predict", {"pixels": [1.0]}))
    found = np.array([answer["probabilities"] for answer in answers])
    np.testing.assert_allclose(found, model.predict(x[:100], verbose=0), atol=1e-5)
    right = float(np.mean([answer["digit"] for answer in answers] == y[:100]))
    if right < 0.9:
        raise SystemExit(f"Only {right:.0%} of the digits were recognised.")
    print(f"The service answers as the model predicts; {right:.0%} of the digits are right.")


if __name__ == "__main__":
    main()
