"""Saves two models in turn, again and again, until it is killed: ``python crash_saver.py PATH [MOST_BYTES]``.

With a number, no file may grow beyond it, as on a full disk: the error's class is printed and the process ends.
"""

from __future__ import annotations

import os
import pathlib
import resource
import signal
import sys

os.environ["TRICERAS_BACKEND"] = "numpy"
sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from tests.saving.test_crash import save, weighted


def main() -> None:
    path = pathlib.Path(sys.argv[1])
    if len(sys.argv) > 2:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
        try:
            save(weighted(2), path)
        except OSError as error:
            print(type(error).__name__)
        return
    models = [weighted(value) for value in (1, 2)]
    print("ready", flush=True)
    while True:
        for model in models:
            save(model, path)


if __name__ == "__main__":
    main()
