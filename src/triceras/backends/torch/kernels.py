"""Optimizer rules as a few calls over all variables at once, in place.

Each kernel takes ``(optimizer, gradients, variables, learning_rate)``, changes the variables' values and the optimizer's
slots and returns True; or it returns False where the tensors aren't of one real dtype on one device, and the rule runs
variable by variable instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import torch

#: Whether a step is being recorded for inductor, which can't compile Adam's kernel (torch 2.13) and fuses the rule itself.
for_inductor: ContextVar[bool] = ContextVar("for_inductor", default=False)


def _values(variables: Sequence[Any]) -> list[torch.Tensor]:
    return [v.value for v in variables]


def _slots(optimizer: Any, slots: Sequence[Any], variables: Sequence[Any]) -> list[torch.Tensor]:
    return [slots[optimizer.slot_index(v)].value for v in variables]


def _uniform(tensors: Sequence[torch.Tensor]) -> bool:
    first = tensors[0]
    return first.is_floating_point() and all(
        t.dtype == first.dtype and t.device == first.device and t.layout == torch.strided for t in tensors
    )


@functools.cache
def _late_step(device: torch.device) -> torch.Tensor:
    """A step count so late that torch's own bias corrections are one: ours is in the learning rate already."""
    from triceras.backends.torch.backend import BACKEND

    with BACKEND.outside_trace():
        return torch.tensor(1e9, dtype=torch.float32, device=device)


def adam(optimizer: Any, gradients: list[torch.Tensor], variables: Sequence[Any], learning_rate: torch.Tensor) -> bool:
    """Adam in one fused call."""
    values = _values(variables)
    if for_inductor.get() or not _uniform([*values, *gradients]):
        return False
    # The kernel walks memory: a gradient that a convolution left in another order would land on other weights.
    gradients = [g if g.stride() == v.stride() else g.contiguous() for g, v in zip(gradients, values, strict=True)]
    greatest = _slots(optimizer, optimizer.greatest, variables) if optimizer.amsgrad else []
    torch._fused_adam_(
        values,
        gradients,
        _slots(optimizer, optimizer.momentums, variables),
        _slots(optimizer, optimizer.velocities, variables),
        greatest,
        [_late_step(values[0].device)] * len(values),
        lr=optimizer.rate,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,
        eps=optimizer.epsilon,
        amsgrad=optimizer.amsgrad,
        maximize=False,
    )
    return True


def sgd(optimizer: Any, gradients: list[torch.Tensor], variables: Sequence[Any], learning_rate: torch.Tensor) -> bool:
    """Gradient descent, with momentum in Keras' form: the slot holds the step, learning rate included."""
    values = _values(variables)
    if not _uniform([*values, *gradients]):
        return False
    steps = torch._foreach_mul(gradients, learning_rate.to(values[0].dtype))
    if not optimizer.momentum:
        torch._foreach_sub_(values, steps)
        return True
    momentums = _slots(optimizer, optimizer.momentums, variables)
    torch._foreach_mul_(momentums, optimizer.momentum)
    torch._foreach_sub_(momentums, steps)
    if optimizer.nesterov:
        torch._foreach_add_(values, momentums, alpha=optimizer.momentum)
        torch._foreach_sub_(values, steps)
    else:
        torch._foreach_add_(values, momentums)
    return True


def rmsprop(
    optimizer: Any, gradients: list[torch.Tensor], variables: Sequence[Any], learning_rate: torch.Tensor
) -> bool:
    """RMSprop, centered and with momentum where asked for."""
    values = _values(variables)
    if not _uniform([*values, *gradients]):
        return False
    velocities = _slots(optimizer, optimizer.velocities, variables)
    torch._foreach_mul_(velocities, optimizer.rho)
    torch._foreach_addcmul_(velocities, gradients, gradients, value=1.0 - optimizer.rho)
    divisors = torch._foreach_add(velocities, optimizer.epsilon)
    if optimizer.centered:
        averages = _slots(optimizer, optimizer.average_gradients, variables)
        torch._foreach_mul_(averages, optimizer.rho)
        torch._foreach_add_(averages, gradients, alpha=1.0 - optimizer.rho)
        torch._foreach_addcmul_(divisors, averages, averages, value=-1.0)
    torch._foreach_sqrt_(divisors)
    steps = torch._foreach_mul(gradients, learning_rate.to(values[0].dtype))
    torch._foreach_div_(steps, divisors)
    if optimizer.momentum > 0:
        momentums = _slots(optimizer, optimizer.momentums, variables)
        torch._foreach_mul_(momentums, optimizer.momentum)
        torch._foreach_add_(momentums, steps)
        steps = momentums
    torch._foreach_sub_(values, steps)
    return True


def decay(optimizer: Any, gradients: list[torch.Tensor], variables: Sequence[Any], learning_rate: torch.Tensor) -> bool:
    """Weight decay: the weights shrink by a share that follows the learning rate."""
    values = _values(variables)
    if not _uniform(values):
        return False
    torch._foreach_mul_(values, (1.0 - learning_rate * optimizer.weight_decay).to(values[0].dtype))
    return True


OPTIMIZER_KERNELS: dict[str, Callable[..., bool]] = {"adam": adam, "sgd": sgd, "rmsprop": rmsprop, "decay": decay}
