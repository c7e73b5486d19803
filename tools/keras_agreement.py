"""Put Keras to the cases that the ops of triceras are tested by, and write what fails to ``docs/keras-agreement.md``.

    python tools/keras_agreement.py

Keras runs as a black box, in a process of its own for each of its backends.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings
from typing import Any

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.ops import cases  # noqa: E402
from tests.ops.families import FAMILIES  # noqa: E402

BACKENDS = ("numpy", "jax", "torch", "tensorflow")
#: JAX computes in 32 bits unless it is told otherwise, and compiles each shape: as in our own tests.
ON_JAX = ("float32", "int32", "bool")
#: Where the reference follows a rule of triceras rather than NumPy, or NumPy has none: no fault of Keras.
OWN_RULES = {
    "relu": ("bool",),
    "relu6": ("bool",),
    "quantile": ("(0,)", "(2, 0, 3)"),
    "nanquantile": ("(0,)", "(2, 0, 3)"),
    "get_item": ("",),
    "switch": (" 5", " -1"),
    "mean": ("(0,)", "(2, 0, 3)"),
    "median": ("'axis': (0, 2)", "'axis': (-2, 0)"),
    "nanmedian": ("'axis': (0, 2)", "'axis': (-2, 0)"),
    "top_k": ("int",),  # the order of ties
    "argsort": ("int",),
    "array_split": ("[",),
    "slice": ("of nothing",),
}
#: What Keras keeps for quantization.
INTERNAL = "float8"
#: Keras stores these in the next wider dtype on torch, and refuses the last: one finding, not one of each op.
UNSIGNED = ("uint16", "uint32", "uint64")
PAGE = ROOT / "docs" / "keras-agreement.md"


def taken(case: cases.Case, backend: str) -> bool:
    """Whether a case is fair to put to a backend."""
    if INTERNAL in case.what or any(part in case.what for part in OWN_RULES.get(case.op, ())):
        return False
    if backend == "torch" and any(dtype in case.what for dtype in UNSIGNED):
        return False
    return backend != "jax" or (case.what.startswith(ON_JAX) and not case.repeated)


# ---- in the process of a backend -------------------------------------------------------------------------------------


def answer(case: cases.Case) -> dict[str, Any]:
    """What Keras makes of a case: ``kind`` None where it is right."""
    from keras import ops, tree

    function = getattr(ops, case.op, None)
    if function is None:
        return {"kind": "absent"}
    expected = tree.flatten(case.expected())
    try:
        given = tree.map_structure(
            lambda x: ops.convert_to_tensor(x, x.dtype.name) if isinstance(x, np.ndarray | np.generic) else x,
            (case.args, case.kwargs),
        )
        results = [x for x in tree.flatten(function(*given[0], **given[1])) if x is not None]
        found = [on_host(x) for x in results]
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is the finding
        return {"kind": "error", "said": f"{type(error).__name__}: {' '.join(str(error).split())}"}
    return {"dtypes": [x.dtype.name for x in found], **judged(case, found, expected)}


def on_host(x: Any) -> np.ndarray:
    """A result as an array; NumPy 2 refuses TensorFlow's scalars of bfloat16."""
    from keras import ops

    return np.asarray(x.numpy()) if ops.is_tensor(x) and hasattr(x, "_id") else np.asarray(ops.convert_to_numpy(x))


def judged(case: cases.Case, found: list[np.ndarray], expected: list[Any]) -> dict[str, Any]:
    """Whether results are right, imprecise (by less than ten times what is allowed) or wrong."""
    if len(found) != len(expected):
        return {"kind": "wrong", "said": f"{len(found)} results, expected {len(expected)}"}
    kind, said = None, None
    for actual, wanted in zip(found, expected, strict=True):
        lowest = next((d for d in ("bfloat16", "float16") if d in case.what), actual.dtype.name)
        wrong = cases.difference(actual, wanted, lowest, case.slack)
        if wrong is None or kind == "wrong":
            continue
        near = cases.difference(actual, wanted, lowest, 10 * case.slack) is None
        narrowed = "64" in case.what.split()[0] and actual.dtype.name.endswith("32")
        kind, said = "narrowed" if narrowed else "imprecise" if near else "wrong", wrong
    return {"kind": kind, "said": said}


def run_backend(path: str, backend: str) -> None:
    """Answer all cases, a line of JSON each, so that what a crash leaves can be read."""
    warnings.simplefilter("ignore")
    with open(path, "w") as file:
        for family, made in FAMILIES.items():
            for case in made():
                if taken(case, backend):
                    line = {"family": family, "op": case.op, "what": case.what, **answer(case)}
                    file.write(json.dumps(line) + "\n")
                    file.flush()


# ---- the page --------------------------------------------------------------------------------------------------------


def answers(backend: str) -> list[dict[str, Any]]:
    """All answers of Keras on a backend."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/answers"
        environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, __file__, path, backend]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=False)
        if done.returncode:
            print(f"{backend} ended with {done.returncode}: {done.stderr[-300:].decode()}")
        return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def mark_dtypes(found: dict[str, list[dict[str, Any]]]) -> None:
    """A dtype of its own where the other backends agree on one; numbers of 64 bits are 32 wide on JAX."""
    given: dict[tuple[str, str], dict[str, str]] = collections.defaultdict(dict)
    for backend, lines in found.items():
        for line in lines:
            if line["kind"] is None:
                given[line["op"], line["what"]][backend] = str(line["dtypes"])
    for backend, lines in found.items():
        for line in lines:
            all_given = given.get((line["op"], line["what"]), {})
            own = all_given.get(backend)
            others = {d for name, d in all_given.items() if name not in (backend, "jax")}
            if own and backend != "jax" and len(others) == 1 and len(all_given) > 2 and {own} != others:
                other = others.pop()
                alike = own.replace("64", "32") == other.replace("64", "32")
                line |= {"kind": "narrowed" if alike else "dtype", "said": f"{own}, the others {other}"}


def grouped(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """A row of the table for each op and kind."""
    groups: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = collections.defaultdict(list)
    for backend, lines in found.items():
        for line in lines:
            if line["kind"] not in (None, "absent", "narrowed"):
                groups[line["op"], line["kind"]].append((backend, line))
    rows = []
    for (op, kind), members in sorted(groups.items()):
        count = collections.Counter(backend for backend, _ in members)
        dtypes = list(dict.fromkeys(line["what"].split()[0].strip(",") for _, line in members))
        backend, line = members[0]
        example = f"{line['what']} on {backend}: {line['said']}".replace("|", "/").replace("\n", " ")
        where = ", ".join(f"{name} {n}" for name, n in count.items())
        rows.append(f"| `{op}` | {kind} | {where} | {', '.join(dtypes[:8])} | {example[:130]} |")
    return rows


def page(found: dict[str, list[dict[str, Any]]]) -> str:
    """The whole page."""
    import importlib.metadata

    total = sum(1 for made in FAMILIES.values() for _ in made())
    counts = []
    for backend, lines in found.items():
        kinds = collections.Counter(line["kind"] for line in lines)
        asked = len(lines) - kinds["absent"]
        numbers = " | ".join(str(kinds[kind]) for kind in ("error", "wrong", "dtype", "imprecise", "narrowed"))
        failed = asked - kinds[None] - kinds["narrowed"]
        counts.append(f"| {backend} | {asked} | {failed} | {numbers} |")
    absent = sorted({line["op"] for lines in found.values() for line in lines if line["kind"] == "absent"})
    return TEXT.format(
        version=importlib.metadata.version("keras"),
        total=total,
        counts="\n".join(counts),
        absent=f" Keras has no {', '.join(f'`{op}`' for op in absent)}." if absent else "",
        rows="\n".join(grouped(found)),
    )


TEXT = """# The same cases through Keras

`tests/ops/cases*.py` hold {total} calls of ops over all dtypes and hard shapes with what NumPy, SciPy or a closed form gives
for them. triceras passes all of them but on torch those that order or divide uint64, which it refuses. This page, which
`tools/keras_agreement.py` writes, tells what Keras {version} makes of them, in a process for each of its backends, given
tensors in the dtype that a case names. Left out are cases whose reference is a rule of our own, float8, on jax those of 64
bits and of shapes that repeat others, and on torch integers without sign of 16 bits and more: there Keras stores them in the
next wider dtype, so nothing wraps, and refuses those of 64.

| backend | cases | fail | error | wrong value or shape | dtype unlike the other backends' | imprecise | narrowed |
|---|---|---|---|---|---|---|---|
{counts}

*Narrowed* are results of 64 bits that come out in 32 on one backend but not on others, which counts as promotion, not as a
failure, and isn't in the table. *Imprecise* is off by up to ten times what the dtype allows (`TOLERANCE` in
`tests/ops/cases.py`). Many errors are kernels that a framework lacks for a dtype which Keras lets through.{absent}

| op | kind | backends and cases | dtypes | for example |
|---|---|---|---|---|
{rows}
"""


def main() -> None:
    """Ask all backends, write the page."""
    found = {backend: answers(backend) for backend in BACKENDS}
    mark_dtypes(found)
    PAGE.write_text(page(found))
    for backend, lines in found.items():
        print(backend, collections.Counter(line["kind"] for line in lines))


if __name__ == "__main__":
    run_backend(*sys.argv[1:]) if len(sys.argv) > 1 else main()
