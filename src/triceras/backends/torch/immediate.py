"""Whether values can be looked at: some bodies are quicker where a look settles what they'd have to allow for."""

from __future__ import annotations

from typing import Any

import torch
from torch._C._functorch import is_functorch_wrapped_tensor  # nothing public tells (torch 2.13), nor of modes
from torch.utils._python_dispatch import _len_torch_dispatch_stack

_CPU = torch.device("cpu")


def immediate(x: Any) -> bool:
    """Whether a tensor's values lie on the host and nothing records, maps or compiles what is done with them."""
    plain = x.device == _CPU and not _len_torch_dispatch_stack() and not torch.compiler.is_compiling()
    return plain and type(x) in (torch.Tensor, torch.nn.Parameter) and not is_functorch_wrapped_tensor(x)
