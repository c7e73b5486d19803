"""Functions of JAX and modules of Flax as functions of their variables' values."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from triceras import tree
from triceras.backends.foreign import Part, PartVariable
from triceras.backends.jax.backend import BACKEND

_OF_CALL = ("params", "state", "rng", "inputs", "training")
_OF_INIT = ("rng", "inputs", "training")


def _names(role: str, function: Callable[..., Any], known: tuple[str, ...]) -> frozenset[str]:
    """The arguments that a function takes, all of them among those known."""
    names = tuple(inspect.signature(function).parameters)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"{role} takes the argument {unknown[0]!r}; it may take {', '.join(known)}.")
    if "inputs" not in names:
        raise ValueError(f"{role} needs an argument 'inputs'; it takes {', '.join(names) or 'none'}.")
    return frozenset(names)


class JaxFunction(Part):
    """A function of some of ``params``, ``state``, ``rng``, ``inputs`` and ``training``, by their names.

    Args:
        call_fn: returns the outputs; with the new state where it takes ``state``.
        init_fn: of ``rng``, ``inputs``, ``training``: returns the parameters, the state, or both, whichever are taken.
        params, state: trees of arrays, in place of those that ``init_fn`` would make.
    """

    backend = BACKEND

    def __init__(
        self, call_fn: Callable[..., Any], init_fn: Callable[..., Any] | None, params: Any = None, state: Any = None
    ) -> None:
        self._call_fn, self._init_fn = call_fn, init_fn
        self._takes = _names("call_fn", call_fn, _OF_CALL)
        self._init_takes = frozenset() if init_fn is None else _names("init_fn", init_fn, _OF_INIT)
        self.takes_key = "rng" in self._takes
        self._given = {"params": params, "state": state}
        wanted = [role for role in ("params", "state") if role in self._takes]
        lacking = [role for role in wanted if self._given[role] is None]
        if wanted and init_fn is None and len(lacking) == len(wanted):
            raise ValueError(
                f"call_fn takes {' and '.join(wanted)}, and neither init_fn nor {' nor '.join(wanted)} is given. Pass init_fn, "
                "a function of (rng, inputs) that makes them, or the values."
            )
        self.ready = not lacking or init_fn is None
        self._begin()

    def _begin(self) -> None:
        """Take note of the trees, whose leaves become variables."""
        self._leaves: list[PartVariable] = []
        self._trees: dict[str, Any] = {}
        for role in ("params", "state"):
            found, structure = jax.tree_util.tree_flatten_with_path(self._given[role] if self.ready else None)
            start = len(self._leaves)
            for path, leaf in found:
                # Arrays keep their dtype; Python numbers have jax's.
                value = leaf if hasattr(leaf, "dtype") else jnp.asarray(leaf)
                name = ".".join(_part_of_name(key) for key in path) or role
                self._leaves.append(PartVariable(name, value, role == "params", autocast=role == "params"))
            self._trees[role] = jax.tree.unflatten(structure, range(start, len(self._leaves)))

    def initialise(self, shapes: Any, dtype: str, key: np.ndarray) -> None:
        inputs = tree.map_shape_structure(lambda s: jnp.zeros(s, dtype), shapes)
        made = self._made(jax.random.wrap_key_data(jnp.asarray(key), impl="threefry2x32"), inputs)
        self._given = {k: made[k] if v is None else v for k, v in self._given.items()}
        self.ready = True
        self._begin()

    def _made(self, key: Any, inputs: Any) -> dict[str, Any]:
        """The parameters and the state as they begin."""
        given = {"rng": key, "inputs": inputs, "training": True}
        made = self._init_fn(**{name: given[name] for name in self._init_takes})  # type: ignore[misc]
        if "state" not in self._takes:
            return {"params": made, "state": None}
        return dict(zip(("params", "state"), made)) if "params" in self._takes else {"params": None, "state": made}

    def variables(self) -> list[PartVariable]:
        leaves = self._leaves
        self._given = {}  # the variables have the values from now on
        self._leaves = []
        return leaves

    def call(self, args: Any, kwargs: Any, values: Any, training: bool, key: Any) -> tuple[Any, list[Any]]:
        before = values or []
        params, state = (jax.tree.map(lambda i: before[i], self._trees[role]) for role in ("params", "state"))
        if key is not None:
            key = jax.random.wrap_key_data(key.astype(jnp.uint32), impl="threefry2x32")
        outputs, new_state = self._run(params, state, key, args[0], training)
        positions, expected = jax.tree.flatten(self._trees["state"])
        leaves, received = jax.tree.flatten(new_state)
        if expected != received:
            raise ValueError(f"The state after the call has the structure {received}, expected {expected} as before.")
        after = list(before)
        for i, leaf in zip(positions, leaves):
            after[i] = leaf
        return outputs, after

    def _run(self, params: Any, state: Any, key: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        given = {"params": params, "state": state, "rng": key, "inputs": inputs, "training": training}
        results = self._call_fn(**{name: given[name] for name in self._takes})
        if "state" not in self._takes:
            return results, state
        if not (isinstance(results, tuple) and len(results) == 2):
            raise ValueError(f"call_fn takes state, so it returns (outputs, state); received {type(results).__name__}.")
        return results


def _part_of_name(key: Any) -> str:
    """A step of a path through a tree, without slashes, which names of variables can't have."""
    value = next((getattr(key, k) for k in ("key", "name", "idx") if hasattr(key, k)), key)
    return str(value).replace("/", "_")


class _FlaxModule(JaxFunction):
    """What both kinds of Flax's modules have in common: how they are called, and what they are told about training."""

    _takes = frozenset(_OF_CALL)
    _init_takes = frozenset()
    takes_key = True

    def __init__(self, module: Any, method: Any, variables: Any) -> None:
        self.module, self._method = module, method
        function = method if callable(method) else getattr(type(module), method or "__call__")
        parameters = inspect.signature(function).parameters
        self._flags = [name for name in ("training", "train", "deterministic") if name in parameters]
        self._prepare(variables)
        self.ready = self._given["params"] is not None
        self._begin()

    def _prepare(self, variables: Any) -> None:
        raise NotImplementedError

    def _told(self, training: bool) -> dict[str, bool]:
        return {name: training != (name == "deterministic") for name in self._flags}


class LinenModule(_FlaxModule):
    """A module of ``flax.linen``: its parameters are trained, its other collections are state."""

    def _prepare(self, variables: Any) -> None:
        state = dict(variables or {})
        self._given = {"params": state.pop("params", {} if variables else None), "state": state if variables else None}

    @staticmethod
    def _streams(key: Any) -> dict[str, Any]:
        return dict(zip(("params", "dropout"), jax.random.split(key)))

    def _made(self, key: Any, inputs: Any) -> dict[str, Any]:
        variables: Any = self.module.init(self._streams(key), inputs, method=self._method, **self._told(True))
        state = {name: tree_ for name, tree_ in variables.items() if name not in ("params", "intermediates")}
        return {"params": variables.get("params", {}), "state": state}

    def _run(self, params: Any, state: Any, key: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        outputs, changed = self.module.apply(
            {"params": params, **state},
            inputs,
            rngs=self._streams(key),
            method=self._method,
            mutable=list(state),
            **self._told(training),
        )
        return outputs, {**state, **changed}


class NnxModule(_FlaxModule):
    """A module of ``flax.nnx``: ``Param`` is trained, other variables are state; streams of random numbers begin anew."""

    def _prepare(self, variables: Any) -> None:
        from flax import nnx

        _, params, _, state = nnx.split(self.module, nnx.Param, nnx.RngState, ...)
        self._given = {"params": nnx.to_pure_dict(params), "state": nnx.to_pure_dict(state)} | dict(variables or {})

    def _run(self, params: Any, state: Any, key: Any, inputs: Any, training: bool) -> tuple[Any, Any]:
        from flax import nnx

        def seeded(path: Any, leaf: Any) -> Any:
            if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                return jnp.zeros_like(leaf)  # how many numbers were drawn
            data = jax.random.bits(jax.random.fold_in(key, len(seen)), jax.random.key_data(leaf).shape, "uint32")
            seen.append(path)
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))

        seen: list[Any] = []
        graph, *states = nnx.split(self.module, nnx.Param, nnx.RngState, ...)
        nnx.replace_by_pure_dict(states[0], params)
        nnx.replace_by_pure_dict(states[2], state)
        module = nnx.merge(graph, states[0], jax.tree_util.tree_map_with_path(seeded, states[1]), states[2])
        (module.train if training else module.eval)()
        method = self._method if callable(self._method) else getattr(type(module), self._method or "__call__")
        outputs = method(module, inputs, **self._told(training))
        _, _, _, rest = nnx.split(module, nnx.Param, nnx.RngState, ...)
        return outputs, nnx.to_pure_dict(rest)


def flax_module(module: Any, method: Any, variables: Any) -> Part:
    """A module of Flax, of either kind."""
    try:
        from flax import linen, nnx
    except ImportError as error:
        raise ImportError("FlaxLayer needs the package 'flax', which isn't installed: `pip install flax`.") from error
    for cls, part in ((linen.Module, LinenModule), (nnx.Module, NnxModule)):
        if isinstance(module, cls):
            return part(module, method, variables)
    raise TypeError(
        f"Expected a module of flax.linen or flax.nnx, received {module!r} of type {type(module).__name__}."
    )


PARTS = {"function": JaxFunction, "flax": flax_module}
