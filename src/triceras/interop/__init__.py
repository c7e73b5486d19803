"""Models as the frameworks have theirs: a module of torch, a function of JAX, a module of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.core import naming

__all__ = ["jax_function", "tf_module", "torch_module"]


def torch_module(model: Any) -> Any:
    """A model or layer as a ``torch.nn.Module``.

    Args:
        model: a built model or layer of any backend.

    Returns:
        The model itself where it is on torch, else a copy there: parameters, buffers, submodules, hooks, ``state_dict()`` and
        whatever else torch does with modules. ``train()`` and ``eval()`` say what ``training`` is; it begins in ``eval()``.

    Example:
        >>> with backend_scope("jax"):
        ...     model = Sequential([Input((3,)), Dense(2, name="last")])
        >>> sorted(interop.torch_module(model).state_dict())
        ['last.bias', 'last.kernel']
    """
    return _built(model).to("torch")


def jax_function(model: Any) -> tuple[Callable[..., Any], dict[str, dict[str, Any]]]:
    """A model or layer as a pure function and its parameters.

    Args:
        model: a built model or layer of any backend.

    Returns:
        ``function(parameters, *args, training=False, return_state=False, **kwargs)``, which gives the outputs; with
        ``return_state`` a pair of them and the parameters with the state after the call. The parameters are two dictionaries
        by the paths of variables: ``"trainable"``, to be differentiated, and ``"state"``: moving averages, seeds.

    Example:
        >>> import jax
        >>> function, parameters = interop.jax_function(Sequential([Input((3,)), Dense(2, name="last")]))
        >>> jax.jit(function)(parameters, np.ones((4, 3), "float32")).shape
        (4, 2)
    """
    there = _built(model).to("jax")
    kinds = {"trainable": there.trainable_variables, "state": there.non_trainable_variables}
    names = {kind: naming.apart(v.path for v in variables) for kind, variables in kinds.items()}

    def function(parameters: Any, *args: Any, training: bool = False, return_state: bool = False, **kwargs: Any) -> Any:
        trainable, state = ([parameters[kind][name] for name in names[kind]] for kind in kinds)
        outputs, after = there.stateless_call(trainable, state, *args, training=training, **kwargs)
        if not return_state:
            return outputs
        return outputs, {**parameters, "state": dict(zip(names["state"], after, strict=True))}

    values = {
        kind: {name: v.value for name, v in zip(names[kind], variables, strict=True)}
        for kind, variables in kinds.items()
    }
    return function, values


def tf_module(model: Any) -> Any:
    """A model or layer as a ``tf.Module``, for checkpoints, ``tf.saved_model.save`` and code that knows no Keras.

    Args:
        model: a built model or layer of any backend.

    Returns:
        A module whose ``variables`` and ``trainable_variables`` are the model's ``tf.Variable``s. Its call takes the model's
        arguments and is a ``tf.function``; ``model`` is the model, on TensorFlow.

    Example:
        >>> module = interop.tf_module(Sequential([Input((3,)), Dense(2)]))
        >>> module(np.ones((4, 3), "float32")).shape, len(module.trainable_variables)
        (TensorShape([4, 2]), 2)
    """
    from triceras.interop.tensorflow import ModelModule

    return ModelModule(_built(model).to("tensorflow"))


def _built(model: Any) -> Any:
    if not model.built:
        raise ValueError(f"{model.name!r} isn't built, so it has no weights to hand over. Call it or build it first.")
    return model
