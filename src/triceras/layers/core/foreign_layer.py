"""The base of layers around what was written in a framework: its own backend trains it, others run it over a bridge."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import math
import warnings
from typing import Any

import numpy as np

from triceras import tree
from triceras.backends import registry
from triceras.backends.base import Spec
from triceras.backends.foreign import Part
from triceras.core import dtypes, naming, objects, scopes
from triceras.core.errors import FileFormatError, UnsupportedError
from triceras.graph import infer
from triceras.graph.symbol import KerasTensor
from triceras.layers.layer import Layer
from triceras.random.seed import SeedGenerator, make_default_seed
from triceras.state.variable import Variable

#: The counter of the key that first values are drawn with, which no draw of a seed generator reaches.
_FIRST_VALUES = 0xFFFFFFFF


class ForeignLayer(Layer):
    """Runs a part: something of one framework with variables of its own.

    On that framework's backend the variables are the layer's weights and trained with it. On another backend the layer infers
    only: inputs and weights are handed over at each call, and a warning says so once.

    Args:
        part: what is run.
        seed: what the part's draws come from.
        kwargs: as for any layer.
    """

    wraps_modules = False
    _part: Part
    #: The variables in the part's order, and the dtypes that it wants them in.
    _values: tuple[Variable, ...] = ()
    _wanted: tuple[str, ...] = ()
    _saved: tuple[bool, ...] = ()
    #: Whether each is trained where the part is at home.
    _trained: tuple[bool, ...] = ()
    _holds: bool = False
    _has_warned: bool = False

    def __init__(self, part: Part, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._part = part
        self._seed = make_default_seed() if seed is None and not part.ready else seed
        if part.takes_key:
            self.seed_generator = SeedGenerator(self._seed)
        if part.ready:
            self._take_variables()
            self.built = True

    @property
    def _is_native(self) -> bool:
        return self._part.backend is self._backend

    @property
    def is_bridged(self) -> bool:
        """Whether its part runs outside of what its backend compiles."""
        return not self._is_native

    def build(self, input_shape: Any) -> None:
        """Let a part that needs to know its inputs make its variables."""
        if self._part.ready:
            return
        shapes = tree.map_shape_structure(lambda shape: tuple(1 if d is None else d for d in shape), input_shape)
        with registry.use(self._part.backend), self._part.backend.outside_trace():
            key = np.array([self._seed or 0, _FIRST_VALUES], np.uint32)
            self._part.initialise(shapes, self.variable_dtype, key)
        self._take_variables()

    def _take_variables(self) -> None:
        """Make the part's variables the layer's."""
        set_plainly, described = object.__setattr__, self._part.variables()
        values: list[Variable] = []
        for position, one in enumerate(described):
            with naming.whole_path(self._path or naming.joined(self.name)), registry.use(self._backend):
                trainable, cast = one.trainable and self._is_native, one.autocast and self._is_native
                variable = Variable(one.value, dtype=one.dtype, trainable=trainable, autocast=cast, name=one.name)
            values.append(variable)
            set_plainly(self, "_holds", self._is_native and self._part.hold(position, variable))
            if self._holds:  # the framework finds it where the part has it
                (self._trainable_variables if trainable else self._non_trainable_variables).append(variable)
            else:
                self._note(self._unused(variable.name), variable)
            if not self._trainable:
                variable.trainable = False
        set_plainly(self, "_values", tuple(values))
        set_plainly(self, "_wanted", tuple(one.dtype for one in described))
        set_plainly(self, "_saved", tuple(one.saved for one in described))
        set_plainly(self, "_trained", tuple(one.trainable for one in described))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        stores = self._non_trainable_variables, self._trainable_variables
        for position, (variable, trained) in enumerate(zip(self._values, self._trained)):
            is_trained = trained and self._is_native  # which a copy on another backend may have gained or lost
            if not any(variable is v for v in stores[is_trained]):
                stores[not is_trained][:] = [v for v in stores[not is_trained] if v is not variable]
                stores[is_trained].append(variable)
                variable.trainable = is_trained and self._trainable
            value = variable.stored_value
            if self._is_native and self._part.hold(position, variable):
                object.__setattr__(self, "_holds", True)
                variable.store(value)

    def _variables_in_files(self) -> list[Variable]:
        unsaved = {id(v) for v, saved in zip(self._values, self._saved) if not saved}
        return [v for v in self._own_variables() if id(v) not in unsaved]

    def _cast_dtype(self) -> str | None:
        cast = super()._cast_dtype()
        follows = self._is_native and self._part.follows_dtypes
        return cast if follows or cast is None else self.variable_dtype

    # ---- the call ---------------------------------------------------------------------------------------------------

    def call(self, inputs: Any = None, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        return self._run(args if inputs is None else (inputs, *args), kwargs, bool(training))

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
        """The part's outputs; what it did to its variables is done to the layer's."""
        key = self.seed_generator.next() if self._part.takes_key else None
        if not self._is_native:
            return self._bridged(args, kwargs, training, key)
        is_own = self._holds and scopes.stateless.get() is None and all(v.dtype == v.stored_dtype for v in self._values)
        values = None if is_own else [v.value for v in self._values]
        outputs, after = self._part.call(args, kwargs, values, training, key)
        for variable, old, new in zip(self._values, values or (), after):
            if new is not old:
                variable.assign(new)
        return outputs

    def _bridged(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool, key: Any) -> Any:
        theirs, part = self._part.backend, self._part
        if training:
            raise UnsupportedError(
                f"Layer {self.path!r} runs a part of {theirs.name} inside a model of {self._backend.name}, which can't train "
                f"it. Make the model under `triceras.backend_scope({theirs.name!r})`, or call the layer with training=False."
            )
        leaves = tree.flatten((args, kwargs))
        places = [i for i, x in enumerate(leaves) if hasattr(x, "shape") and hasattr(x, "dtype")]
        given = [*(leaves[i] for i in places), *(v.value for v in self._values), *([] if key is None else [key])]
        names = [theirs.canonical(self._backend.dtype_of(leaves[i])) for i in places]
        names += [*self._wanted, "uint32"][: len(given) - len(places)]
        structure: list[Any] = []

        def run(*tensors: Any) -> list[Any]:
            filled = list(leaves)
            for i, x in zip(places, tensors):
                filled[i] = x
            a, k = tree.pack_sequence_as((args, kwargs), filled)
            values = list(tensors[len(places) : len(places) + len(self._values)])
            structure[:] = [part.call(a, k, values, False, None if key is None else tensors[-1])[0]]
            return tree.flatten(structure[0])

        def handed_over(*arrays: Any) -> list[Any]:
            with registry.use(theirs), theirs.no_grad():
                tensors = [*map(theirs.convert_to_tensor, arrays, names)]
                if theirs.updates_in_place:  # the part may, and the memory is the model's
                    tensors[: len(places)] = [theirs.to_device(x, copy=True) for x in tensors[: len(places)]]
                return run(*tensors)

        def specs() -> list[Spec]:
            shapes = map(self._backend.shape_of, given)
            symbols = tuple(KerasTensor(shape, name, record_history=False) for shape, name in zip(shapes, names))
            with registry.use(theirs):
                found = infer.abstract(run, symbols, {})
            return [dataclasses.replace(s, dtype=self._backend.canonical(s.dtype)) for s in found]

        self._warn_once(given)
        results = self._backend.host_call(handed_over, specs, given)
        return tree.pack_sequence_as(structure[0], results)

    def _warn_once(self, given: list[Any]) -> None:
        if self._has_warned or scopes.symbolic.get():
            return
        object.__setattr__(self, "_has_warned", True)
        sizes = [(self._backend.shape_of(x), dtypes.numpy_dtype(self._backend.dtype_of(x)).itemsize) for x in given]
        count = sum(math.prod(d or 1 for d in shape) * itemsize for shape, itemsize in sizes)
        warnings.warn(
            f"Layer {self.path!r} runs a part of {self._part.backend.name} inside a model of {self._backend.name}: each call "
            f"hands over {count:,} bytes of inputs and weights, by DLPack where both are eager and through the host elsewhere, "
            "and both frameworks wait for one another. It can't be trained or exported there.",
            stacklevel=2,
        )


class ModuleLayer(ForeignLayer):
    """The same around a module, which has a class that files name."""

    module: Any

    def __init__(self, part: Part, module: Any, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(part, seed, **kwargs)
        object.__setattr__(self, "module", module)
        self._native_track("module", module)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "module": module_config(self.module)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make one from ``get_config``'s result and the module that the caller of the load passes or registered."""
        return cls(**{**config, "module": module_from_config(config.get("module"), config.get("name", ""))})


# ---- files ---------------------------------------------------------------------------------------------------------------


def module_config(module: Any) -> dict[str, Any]:
    """A module's class by name, and its own config; the fields of one that has none, where it says them."""
    if hasattr(module, "get_config"):
        return objects.serialize_keras_object(module)
    fields = dataclasses.fields(module) if dataclasses.is_dataclass(module) else ()
    values = [(f, getattr(module, f.name)) for f in fields if f.init and f.name not in ("parent", "name")]
    config = {f.name: value for f, value in values if value is not f.default}
    cls = type(module)
    return {
        "module": cls.__module__,
        "class_name": cls.__name__,
        "config": {
            name: (module_config if dataclasses.is_dataclass(value) else objects.serialize_keras_object)(value)
            for name, value in config.items()
        },
        "registered_name": objects.get_registered_name(cls),
    }


def module_from_config(config: Any, layer: str = "") -> Any:
    """The module of a layer in a file: what the caller passes under the layer's name or the class's, or a registered class.

    Raises:
        FileFormatError: the file holds it as a pickle, and the caller passes none.
        UnknownObjectError: nobody passes or registers one.
    """
    passed = objects.custom_objects_in_scope()
    config = config if isinstance(config, dict) else {}
    name: Any = config.get("class_name")
    found = passed.get(layer, passed.get(name))
    if found is None and name is None:
        raise FileFormatError(
            f"The file holds the module of layer {layer!r} as a pickle, which is code and is refused. Pass "
            f"custom_objects={{{layer!r}: module}} with the module, or a function that makes it."
        )
    if found is None:
        found = objects.find_object(config.get("module"), name, config.get("registered_name"))
        if not inspect.isclass(found):  # a file may name a class, and calls nothing that the caller didn't pass for it
            raise FileFormatError(f"Layer {layer!r} in the file has {name!r} for its module, which isn't a class.")
    if inspect.isclass(found):
        if hasattr(found, "from_config"):
            return objects.deserialize_keras_object({**config, "registered_name": None}, {name: found})
        return found(**{key: _field(value) for key, value in (config.get("config") or {}).items()})
    # Several layers may be given one module, and each has its own weights.
    return found() if inspect.isroutine(found) or isinstance(found, functools.partial) else copy.deepcopy(found)


def _field(value: Any) -> Any:
    is_object = isinstance(value, dict) and "registered_name" in value and value.get("class_name") != "function"
    return module_from_config(value) if is_object else objects.deserialize_keras_object(value)
