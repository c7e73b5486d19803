"""The figures of each epoch, sent to a server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from triceras.callbacks.callback import Callback

#: Seconds that a server has to answer: training waits for it no longer.
TIMEOUT = 10


class RemoteMonitor(Callback):
    """Sends the figures of each epoch to a server by HTTP POST; one that can't be reached is a warning.

    Args:
        root: the server, ``http://…`` or ``https://…``.
        path: where on it.
        field: the name of the form's field that holds the figures as JSON; not for ``send_as_json``.
        headers: further HTTP headers.
        send_as_json: whether the body is the JSON itself, of type ``application/json``, rather than a form.

    Raises:
        ValueError: another kind of address.

    Example:
        >>> from triceras import callbacks
        >>> callbacks.RemoteMonitor(root="http://localhost:9000", send_as_json=True).path
        '/publish/epoch/end/'
    """

    writes_files = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if not root.startswith(("http://", "https://")):
            raise ValueError(f"root is the address of a server, http://… or https://…, received {root!r}.")
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        figures = {"epoch": epoch} | {key: _plain(value) for key, value in (logs or {}).items()}
        body, kind = json.dumps(figures), "application/json"
        if not self.send_as_json:
            body, kind = urllib.parse.urlencode({self.field: body}), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind} | (self.headers or {})
        request = urllib.request.Request(self.root + self.path, body.encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                pass
        except (urllib.error.URLError, OSError) as error:
            warnings.warn(f"RemoteMonitor couldn't send epoch {epoch} to {self.root}: {error}", stacklevel=2)


def _plain(value: Any) -> Any:
    """What JSON can hold."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
