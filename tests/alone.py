"""Programs that run by themselves, as users run them."""

from __future__ import annotations

import os
import subprocess
import sys


def run_alone(*command: str) -> str:
    """What a fresh interpreter prints, with nothing of this one's environment but what finds programs and libraries.

    Raises:
        AssertionError: it failed, with all it printed; a warning is a failure.
    """
    kept = {name: value for name, value in os.environ.items() if name.endswith("PATH") or name in ("HOME", "TMPDIR")}
    settings = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *command], env=kept | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout
