"""The layer: state, and a computation over tensors that may use and change it."""

from __future__ import annotations

import functools
import inspect
import math
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

from triceras import dtype_policies, tree
from triceras.backends import registry
from triceras.backends.base import Backend, Tensor
from triceras.core import dtypes, naming, objects, scopes
from triceras.core.autograph import left_alone
from triceras.core.internal import INTERNAL
from triceras.core.masks import get_mask, mask_table, set_mask, table
from triceras.core.shapes import known_size
from triceras.graph import infer
from triceras.graph.node import Node
from triceras.graph.operation import Operation
from triceras.graph.symbol import PLAIN, KerasTensor, any_symbolic
from triceras.layers.call_plan import CallPlan, build_parameters, call_plan, carries_mask
from triceras.layers.input_spec import InputSpec, check_inputs
from triceras.layers.layer_state import KEEPING_LOSSES, LayerState
from triceras.layers.remat import RematScope, call_again, current_scope
from triceras.state.stateless import StatelessScope

#: What ``training`` is for layers that are called inside another and aren't told.
training_context: ContextVar[bool | None] = ContextVar("training", default=None)

#: (class, backend) -> the class with the backend's mixin.
_native_classes: dict[tuple[type, Backend], type] = {}

#: (native dtype, compute dtype) -> whether a tensor is cast. What to is the backend's to say: two may share native dtypes.
_casts: dict[tuple[Any, str], bool] = {}


def is_cast(x: Tensor, cast: str | None) -> bool:
    """Whether a layer that computes in ``cast`` casts a tensor."""
    if cast is None:
        return False
    try:
        return _casts[x.dtype, cast]
    except KeyError:
        name = dtypes.standardize_dtype(x.dtype)
        return _casts.setdefault((x.dtype, cast), name in dtypes.FLOATS and name != cast)


def native_class(cls: type, backend: Backend) -> type:
    """A layer class at home in a backend, made once: its own class is the first base, so nothing else changes."""
    made = _native_classes.get((cls, backend))
    if made is None:
        bases = (cls, backend.layer_mixin) if backend.layer_mixin else (cls,)
        names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, "_origin": cls}
        if backend.layer_mixin is not None:
            for hook in ("_native_track", "__call__"):
                if hook in vars(backend.layer_mixin):
                    names[hook] = vars(backend.layer_mixin)[hook]
        made = _native_classes[cls, backend] = type(cls.__name__, bases, names)
        made._native_backend = backend  # type: ignore[attr-defined]
    return made


@left_alone
class Layer(LayerState, Operation):
    """Weights and a computation.

    A subclass makes its weights in ``build(self, input_shape)`` (or in ``__init__`` where it knows their shapes) and
    computes in ``call(self, inputs, ...)``, which may also take ``training`` and ``mask``. It belongs to the backend that
    is active when it is made: under torch it is a ``torch.nn.Module``, under TensorFlow it is trackable.

    Args:
        activity_regularizer: a penalty on its output, added to the losses.
        trainable: whether training changes its weights.
        dtype: a dtype, a dtype policy or a policy's name.
        autocast: whether floating inputs and weights are cast to the compute dtype.
        name: its name; made from the class's where left out.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        ...
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> convert_to_numpy(Scale()(ones((1, 2)))).tolist()
        [[1.0, 1.0]]
    """

    _origin: type
    _native_backend: Backend
    #: What ``training`` is when nobody says; ``train()`` and ``eval()`` of torch modules set it.
    training: bool = False
    #: Whether the mask of its input is that of its output.
    supports_masking: bool = False
    #: Whether its own ``compute_mask`` gives None where no input has a mask.
    masks_need_masks: bool = False
    #: Whether calls go the framework's own way, around which it runs hooks.
    runs_hooks: bool = False
    #: Whether a module of the framework's becomes a layer when it is set as an attribute.
    wraps_modules: bool = True
    #: The scope of rematerialization that it was made in.
    _remat: RematScope | None = None

    # ---- making -----------------------------------------------------------------------------------------------------

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_origin" not in cls.__dict__:
            cls = native_class(cls, registry.active())
        layer = object.__new__(cls)
        if cls._native_backend.layer_mixin is not None:
            cls._native_backend.layer_mixin.__init__(layer)
            layer.__dict__["training"] = False
        layer._start_tracking()
        set_plainly = object.__setattr__
        set_plainly(layer, "_backend", cls._native_backend)
        set_plainly(layer, "_init_arguments", (args, kwargs))
        set_plainly(layer, "built", False)
        return layer

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _noting_build(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        from triceras import regularizers

        given_shape = _given_input_shape(kwargs)
        if kwargs:
            raise ValueError(f"{type(self).__name__} received arguments it doesn't know: {', '.join(kwargs)}.")
        Operation.__init__(self, name=name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        self._input_spec: Any = None
        self._build_shapes: dict[str, Any] | None = None
        self._given_input_shape = given_shape
        self._path: str | None = None
        self._called = False
        if (scope := current_scope()) is not None:
            object.__setattr__(self, "_remat", scope)
        if not trainable:
            self.trainable = False

    def __setattr__(self, name: str, value: Any) -> None:
        if type(value) not in PLAIN and name not in INTERNAL and not name.startswith("_self_"):
            if self.wraps_modules and (wrapper := self._backend.wrapper_of(value)):
                from triceras import layers

                value = getattr(layers, wrapper)(value)
            value = self._tracker.track(name, value)
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        for store in (self._trainable_variables, self._non_trainable_variables, self._layers, self._seed_generators):
            for position, known in enumerate(store):
                if known is value:
                    del store[position]
                    break
        object.__delattr__(self, name)

    # ---- what it is -------------------------------------------------------------------------------------------------

    @property
    def dtype_policy(self) -> Any:
        """Its dtype policy."""
        policy = self._dtype_policy
        return policy[self.path] if isinstance(policy, dtype_policies.DTypePolicyMap) else policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = dtype_policies.get(value)

    @property
    def dtype(self) -> str:
        """The dtype of its variables."""
        return self.dtype_policy.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of its variables."""
        return self.dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype it computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype its inputs are cast to."""
        return self.dtype_policy.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The quantized form it runs in, or None."""
        return self.dtype_policy.quantization_mode

    @property
    def path(self) -> str:
        """Its name with those of what it was built in, joined by slashes."""
        return self._path or self.name

    @property
    def input_spec(self) -> Any:
        """What it demands of its inputs: an ``InputSpec``, a structure of them, or None."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        for spec in tree.flatten(value):
            if spec is not None and not isinstance(spec, InputSpec):
                raise TypeError(f"input_spec of layer {self.name!r} is made of InputSpec, received {spec!r}.")
        object.__setattr__(self, "_input_spec", value)

    # ---- to be overridden -------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights, given the shape of the inputs."""
        if type(self).build is Layer.build and self._is_overridden("call"):
            self._build_inside(input_shape)
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs from the inputs."""
        raise NotImplementedError(f"{type(self).__name__} doesn't define call().")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs: the inputs' where the layer supports masking."""
        return previous_mask

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape of the outputs for inputs of a shape, by abstract evaluation of ``call``."""
        shapes = args[0] if args else next(iter(kwargs.values()))
        symbols = tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype, record_history=False), shapes)
        return tree.map_structure(lambda x: x.shape, self._abstract_spec((symbols,), {}))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbolic outputs of a call."""
        leaves = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        if self._is_overridden("compute_output_shape") and not any(x.sparse for x in leaves):
            shape = self.compute_output_shape(**self._shapes_for(type(self).compute_output_shape, args, kwargs))
            return tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), shape)
        return self._abstract_spec(args, kwargs)

    def _abstract_spec(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        def run(*a: Any, **k: Any) -> Any:
            cast = self._cast_dtype()
            a = (self._convert(a[0], cast), *[self._convert_tensors(x, cast) for x in a[1:]]) if a else a
            k = {key: self._convert_tensors(value, cast) for key, value in k.items()}
            with StatelessScope(collect_losses=True), scopes.AutocastScope(cast), table(), self._named():
                return self.call(*a, **k)

        return infer.to_symbols(infer.abstract(run, args, kwargs))

    def _is_overridden(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Layer, method)

    # ---- the call ---------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: convert, check, build the first time, then ``call``; or record it on symbolic tensors."""
        if "_dtype_policy" not in self.__dict__:
            self._check_super_called()
        plan = call_plan(type(self).call)
        backend = self._backend
        one_tensor = len(args) == 1 and not kwargs and registry.OWNERS.get(type(args[0])) is backend
        if not one_tensor and any_symbolic(args, kwargs):
            return self._symbolic(plan, args, kwargs)
        if KEEPING_LOSSES and training_context.get() is None:
            self._forget_losses()
        compute = self._compute if self._called else self._compute_first
        if registry.active() is backend:
            return compute(plan, args, kwargs)
        with registry.use(backend):
            return compute(plan, args, kwargs)

    def _compute_first(self, plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The first call, in which layers inside are built that no ``build`` has built."""
        self._called = True
        with self._named():
            return self._compute(plan, args, kwargs)

    def _compute(self, plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        cast = self._cast_dtype()
        if len(args) == 1 and not kwargs:  # what follows in general, without the general case's cost
            first = self._convert(args[0], cast)
            args = (first,)
            masked = carries_mask(first)
        else:
            args = tuple(self._convert_tensors(x, cast) if i else self._convert(x, cast) for i, x in enumerate(args))
            kwargs = {key: self._convert_tensors(value, cast) for key, value in kwargs.items()}
            first = args[0] if args else next(iter(kwargs.values()), None)
            masked = "mask" in kwargs or any(map(carries_mask, (*args, *kwargs.values())))
        if self._input_spec is not None:
            check_inputs(self._input_spec, first, self)
        outer = training_context.get()
        training = kwargs.get("training")
        if "training" in kwargs and not (plan.takes_training or plan.takes_more):
            kwargs = {key: value for key, value in kwargs.items() if key != "training"}  # for the layers inside
        if training is None:
            training = outer if outer is not None else self.training
            if plan.takes_training and "training" not in kwargs:
                kwargs = {**kwargs, "training": training}
        if masked and (plan.takes_mask or plan.argument_masks):
            kwargs = self._with_masks(plan, args, kwargs)
        if not self.built:
            self._build_for(args, kwargs)
        tokens = []  # nothing for a layer inside another, most of the time
        if training is not outer:
            tokens.append((training_context, training_context.set(training)))
        if cast != scopes.autocast.get():
            tokens.append((scopes.autocast, scopes.autocast.set(cast)))
        if mask_table.get() is None:
            tokens.append((mask_table, mask_table.set({})))
        try:
            call = self.call if self._remat is None else self.rematerialized_call(self.call, *args, **kwargs)
            outputs = call(*args, **kwargs)
            if self.activity_regularizer is not None:
                self._add_activity_loss(outputs)
            if (masked and self.supports_masking) or type(self).compute_mask is not Layer.compute_mask:
                self._mask_outputs(kwargs, first, outputs, masked)
        except Exception as error:
            say_where(error, self, args)
            raise
        finally:
            for variable, token in tokens:
                variable.reset(token)
        return outputs

    def _cast_dtype(self) -> str | None:
        """What floating variables are read in during the call; None where that is how they are stored."""
        policy = self._dtype_policy
        if type(policy) is dtype_policies.DTypePolicyMap:
            policy = policy[self.path]
        dtype = policy.compute_dtype
        return dtype if dtype in dtypes.FLOATS and self.autocast else None

    def _dtype_of(self, x: KerasTensor) -> str:
        """The dtype that ``call`` sees where an input is symbolic."""
        cast = self._cast_dtype()
        return cast if cast is not None and x.dtype in dtypes.FLOATS else x.dtype

    def _convert(self, x: Any, cast: str | None) -> Any:
        """The first argument: everything in it becomes a tensor, the floating ones of the dtype to cast to."""
        if registry.OWNERS.get(type(x)) is not self._backend:
            return self._adopt(x, cast)
        return self._cast(x.value if isinstance(x, registry.StateHolder) else x, cast)

    def _cast(self, x: Tensor, cast: str | None) -> Tensor:
        return self._backend.cast(x, self._backend.canonical(cast)) if cast is not None and is_cast(x, cast) else x

    def _adopt(self, x: Any, cast: str | None) -> Any:
        """The same for what isn't known to be a tensor of this backend."""
        if x is None or isinstance(x, KerasTensor):
            return x
        if type(x) is list and x and all(registry.OWNERS.get(type(item)) is self._backend for item in x):
            return [self._convert(item, cast) for item in x]
        if isinstance(x, list | tuple | dict) and _holds_only_numbers(x):
            return self._cast(self._backend.convert_to_tensor(x), cast)
        if tree.is_nested(x):
            return tree.map_structure(lambda leaf: self._convert(leaf, cast), x)
        owner = registry.owner_of(x)
        if owner is self._backend:
            return self._convert(x, cast)
        if owner is not None:
            raise registry.mixed_error(f"Layer {self.path!r}", self._backend, owner)
        if registry.is_sparse(x):
            return self._cast(registry.adopt_sparse(x, self._backend), cast)
        if isinstance(x, str | bytes) or not (hasattr(x, "__array__") or isinstance(x, int | float | complex)):
            return x
        return self._cast(self._backend.convert_to_tensor(x), cast)

    def _convert_tensors(self, x: Any, cast: str | None) -> Any:
        """Any other argument: arrays and tensors only; numbers and flags stay."""
        if type(x) in PLAIN:
            return x
        if tree.is_nested(x):
            return tree.map_structure(lambda leaf: self._convert_tensors(leaf, cast), x)
        if registry.owner_of(x) is self._backend or hasattr(x, "__array__"):
            return self._convert(x, cast)
        return x

    def _with_masks(self, plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments with the masks that the inputs carry and nobody gave."""
        named = plan.bind(args, kwargs)
        filled = dict(kwargs)
        for parameter, argument in plan.argument_masks:
            if named.get(parameter) is None and named.get(argument) is not None:
                mask = _masks_of(named[argument])
                if mask is not None:
                    filled[parameter] = mask
        if plan.takes_mask and named.get("mask") is None and plan.names.index("mask") >= len(args):
            # ``mask`` is of the one tensor given: with several, as with an RNN's states, nothing says whose it would be.
            one = len(named) == 1 or sum(map(_has_shape, named.values())) == 1
            mask = _masks_of(named.get(plan.names[0])) if one else None
            if mask is not None:
                filled["mask"] = mask
        return filled

    def _mask_outputs(self, kwargs: dict[str, Any], first: Any, outputs: Any, masked: bool) -> None:
        previous = kwargs.get("mask")
        if previous is None and masked:
            previous = _masks_of(first)
        if previous is None and not self._is_overridden("compute_mask"):
            return
        masks = self.compute_mask(first, previous)
        if masks is None:
            return
        leaves = tree.flatten(outputs)
        for x, mask in zip(leaves, tree.flatten(masks) if len(leaves) > 1 else [masks], strict=False):
            if mask is not None and x is not None:
                set_mask(x, mask)

    def _add_activity_loss(self, outputs: Any) -> None:
        for x in tree.flatten(outputs):
            if x is not None:
                self.add_loss(self.activity_regularizer(x) / float(x.shape[0] or 1))  # type: ignore[misc]

    # ---- symbolic calls ---------------------------------------------------------------------------------------------

    def _symbolic(self, plan: CallPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        first = args[0] if args else next(iter(kwargs.values()), None)
        if self._input_spec is not None:
            check_inputs(self._input_spec, first, self)
        with registry.use(self._backend):
            if not self.built:
                self._build_for(args, kwargs)
            return self.symbolic_call(*args, **kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call and return its symbolic outputs."""
        outputs = self.compute_output_spec(*args, **kwargs)
        if any(x.record_history for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)):
            Node(self, args, kwargs, outputs)
        return outputs

    # ---- building ---------------------------------------------------------------------------------------------------

    def _named(self) -> AbstractContextManager[None]:
        """The scope of what is built inside, whose path is known from the first time on."""
        if self._path is None:
            self._path = naming.joined(self.name)
        return naming.whole_path(self._path)

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build with the shapes of a call's arguments."""
        shapes = self._shapes_for(type(self).build, args, kwargs)
        with scopes.AutocastScope(None), self._backend.outside_trace(), self._named():
            if not self._is_overridden("build") and self._is_overridden("call"):
                self._build_by_tracing(args, kwargs)
                self._build_shapes = shapes
            else:
                self.build(**shapes)
        self.built = True

    def _shapes_for(self, method: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of ``build`` or ``compute_output_shape``: one shape, or one for each ``<argument>_shape``."""
        named = call_plan(type(self).call).bind(args, kwargs)
        parameters = build_parameters(method)
        shapes = {f"{key}_shape": _shape_of(value) for key, value in named.items() if _has_shape(value)}
        if len(parameters) == 1:
            return {parameters[0]: next(iter(shapes.values()), None)}
        known = {key: value for key, value in shapes.items() if key in parameters}
        if not known and parameters:
            return {parameters[0]: next(iter(shapes.values()), None)}
        return known

    def _build_by_tracing(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build the layers inside by calling them once on shapes alone."""
        if not self._layers and not any(not layer.built for layer in self._flatten_layers(include_self=False)):
            return

        a, k = tree.map_structure(_symbol_like, (args, kwargs))
        self._abstract_spec(a, k)

    def _build_inside(self, input_shape: Any) -> None:
        if not self._layers:
            return
        symbols = tree.map_shape_structure(
            lambda s: KerasTensor(s, self.compute_dtype, record_history=False), input_shape
        )
        self._abstract_spec((symbols,), {})

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes it was built with."""
        if not self._build_shapes:
            return None
        if len(self._build_shapes) == 1:
            return {"input_shape": next(iter(self._build_shapes.values()))}
        return {"shapes_dict": self._build_shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build from ``get_build_config``'s result."""
        if not config or self.built:
            return
        shapes = config.get("shapes_dict")
        if shapes is not None:
            self.build(**{key: _tuples(value) for key, value in shapes.items()})
        elif "input_shape" in config:
            shapes = {"input_shape": config["input_shape"]}
            self.build(_tuples(config["input_shape"]))
        if self._build_shapes is None and shapes is not None:
            self._build_shapes = {key: _tuples(value) for key, value in shapes.items()}
        self.built = True

    # ---- pure calls -------------------------------------------------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call as a pure function of the variables' values.

        Args:
            trainable_variables: the values of ``trainable_variables``, in order.
            non_trainable_variables: the values of ``non_trainable_variables``, in order.
            args, kwargs: for the call.
            return_losses: whether the losses added are returned too.

        Returns:
            ``(outputs, non_trainable_variables)``, and the list of losses where asked for.
        """
        if not self.built:
            raise ValueError(
                f"Layer {self.name!r} isn't built, so it has no variables yet. Call it or build() it first."
            )
        trainable, other = self.trainable_variables, self.non_trainable_variables
        values = (list(trainable_variables), list(non_trainable_variables))
        for role, ours, given in (("trainable", trainable, values[0]), ("non-trainable", other, values[1])):
            if len(ours) != len(given):
                raise ValueError(f"Layer {self.name!r} has {len(ours)} {role} variables, received {len(given)} values.")
        with StatelessScope.over([*trainable, *other], [*values[0], *values[1]], return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
        non_trainable = scope.current(other)
        return (outputs, non_trainable, losses) if return_losses else (outputs, non_trainable)

    # ---- files ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again; of a subclass that doesn't define it, those it was made with."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": dtype_policies.serialize(self._dtype_policy)}
        if self.activity_regularizer is not None:
            from triceras import regularizers

            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if not self._is_overridden("get_config") and type(self)._origin is not Layer:
            config |= self._arguments_by_name()
        return config

    def _arguments_by_name(self) -> dict[str, Any]:
        args, kwargs = self._init_arguments
        parameters = inspect.signature(type(self)._origin.__init__).parameters.values()
        names = [p.name for p in parameters if p.name != "self" and p.kind is not p.VAR_POSITIONAL]
        return dict(zip(names, args, strict=False)) | {
            key: value for key, value in kwargs.items() if key not in ("name", "trainable", "dtype")
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make one from ``get_config``'s result."""
        if cls.get_config is Layer.get_config:  # the arguments themselves, which may be layers or other objects
            config = {k: v if k == "dtype" else objects.deserialize_keras_object(v) for k, v in config.items()}
        return cls(**config)

    def save_own_variables(self, store: Any) -> None:
        """Put the layer's own variables into a mapping, by their position."""
        for position, variable in enumerate(self._variables_in_files()):
            store[str(position)] = variable

    def load_own_variables(self, store: Any) -> None:
        """Set the layer's own variables from a mapping."""
        variables = self._variables_in_files()
        if len(store.keys()) != len(variables):
            built = "" if self.built else " It isn't built; build it or call it before loading."
            raise ValueError(
                f"Layer {self.path!r} has {len(variables)} variables, the file has {len(store.keys())} for it.{built}"
            )
        for position, variable in enumerate(variables):
            variable.assign(store[str(position)])

    # ---- adapters ---------------------------------------------------------------------------------------------------

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Turn the layer into a quantized one, by the handler registered for its type and the mode."""
        raise NotImplementedError(f"No quantization is registered for {type(self).__name__} and the mode {mode!r}.")

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make the weights of a quantized form."""
        raise NotImplementedError(f"No quantization is registered for {type(self).__name__} and the mode {mode!r}.")

    def rematerialized_call(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        """What to call in place of ``layer_call`` where a ``RematScope`` covers the layer; ``layer_call`` itself elsewhere."""
        scope = self._remat

        def output_size() -> int:
            a, k = tree.map_structure(_symbol_like, (args, kwargs))
            return sum(math.prod(x.shape) for x in tree.flatten(self._abstract_spec(a, k)))

        if scope is None:
            return layer_call
        if scope.mode == "activations":
            return functools.partial(self._with_activation_again, layer_call)
        if not scope.covers(self.name, output_size):
            return layer_call
        return lambda *a, **k: call_again(layer_call, self.variables, a, k, self.add_loss)

    def _with_activation_again(self, layer_call: Any, *args: Any, **kwargs: Any) -> Any:
        activation = self.__dict__.get("activation")
        if activation is None:
            return layer_call(*args, **kwargs)
        object.__setattr__(self, "activation", lambda *a, **k: call_again(activation, (), a, k))
        try:
            return layer_call(*args, **kwargs)
        finally:
            object.__setattr__(self, "activation", activation)

    # ---- copies -----------------------------------------------------------------------------------------------------

    def __reduce__(self) -> Any:
        backend = registry.destination(self._backend)
        left_out = {"_backend", "_tracker", "_added_losses"}
        if backend is not self._backend:
            left_out |= _attributes_of(self._backend.layer_mixin)
        state = {k: v for k, v in self.__dict__.items() if k not in left_out and not k.startswith("_self_")}
        if backend is not self._backend:
            state = {k: tree.map_structure(registry.moved_tensor, v) for k, v in state.items()}
        return _restore, (type(self)._origin, backend.name), state

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """A copy of the layer on another backend, with its weights; of a model with its compile arguments and optimizer too.

        Args:
            args: the backend's name; or, under torch, what ``torch.nn.Module.to`` takes.
            kwargs: for ``torch.nn.Module.to``.

        Returns:
            The copy, which goes on where this layer stands; the layer itself where it is on that backend already.

        Raises:
            ValueError: no backend has that name.
            TypeError: the layer holds something that can't be copied.

        Example:
            >>> layer = Dense(2)
            >>> layer.build((None, 3))
            >>> layer.to("numpy").kernel.backend.name
            'numpy'
        """
        native = getattr(super(), "to", None)
        if native is not None and not (len(args) == 1 and registry.is_backend_name(args[0])):
            return native(*args, **kwargs)
        if len(args) != 1 or kwargs or not isinstance(args[0], str):
            raise TypeError(f"Layer {self.path!r}: to() takes the name of a backend, received {args} and {kwargs}.")
        target = registry.get_backend(args[0])
        return self if target is self._backend else registry.moved(self, self._backend, target)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            object.__setattr__(self, key, value)
        for key, value in state.items():
            if not key.startswith("_"):
                setattr(self, key, value)
        for name, value in self._tracked.items():
            self._native_track(name, value)


@functools.cache
def _attributes_of(mixin: Any) -> frozenset[str]:
    """The attributes that a framework's mixin gives each layer, but for ``training``, which is ours as well."""
    if mixin is None:
        return frozenset()
    bare = object.__new__(mixin)
    mixin.__init__(bare)
    return frozenset(vars(bare)) - {"training"}


def _restore(cls: Any, backend: str) -> Any:
    return cls.__new__(native_class(cls, registry.get_backend(backend)))


def _noting_build(build: Any) -> Any:
    """A ``build`` that notes the shapes and that it was done, and names what is made inside."""

    @functools.wraps(build)
    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        shapes = dict(zip(build_parameters(build), args, strict=False)) | kwargs
        with registry.use(self._backend), self._named():
            build(self, *args, **kwargs)
        self._build_shapes = shapes
        self.built = True

    return noted


def _given_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """The batch shape of the older ``input_shape``, ``batch_input_shape`` and ``input_dim`` arguments, or None."""
    if "batch_input_shape" in kwargs:
        return tuple(kwargs.pop("batch_input_shape"))
    if "input_shape" in kwargs:
        return (kwargs.pop("batch_size", None), *kwargs.pop("input_shape"))
    return (None, kwargs.pop("input_dim")) if "input_dim" in kwargs else None


def _symbol_like(x: Any) -> Any:
    """A tensor's shape and dtype as a symbol; anything else as it is."""
    if isinstance(x, KerasTensor) or not hasattr(x, "shape") or not hasattr(x, "dtype"):
        return x
    return KerasTensor(tuple(x.shape), dtypes.standardize_dtype(x.dtype), record_history=False)


def _masks_of(x: Any) -> Any:
    if not tree.is_nested(x):
        return get_mask(x)
    masks = tree.map_structure(get_mask, x)
    return masks if any(m is not None for m in tree.flatten(masks)) else None


def _holds_only_numbers(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return bool(x) and all(map(_holds_only_numbers, x))
    return isinstance(x, int | float | complex)


def _has_shape(x: Any) -> bool:
    leaves = [leaf for leaf in tree.flatten(x) if leaf is not None]
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def _shape_of(x: Any) -> Any:
    def shape(leaf: Any) -> Any:
        return None if leaf is None else tuple(known_size(d) for d in leaf.shape)

    return shape(x) if not tree.is_nested(x) else tree.map_structure(shape, x)


def _tuples(shape: Any) -> Any:
    """A shape or structure of shapes as it comes from JSON, with tuples for the shapes."""
    if tree.is_shape(shape):
        return tuple(shape)
    if isinstance(shape, dict):
        return {key: _tuples(value) for key, value in shape.items()}
    return [_tuples(value) for value in shape] if isinstance(shape, list | tuple) else shape


def say_where(error: Exception, layer: Layer, args: tuple[Any, ...]) -> None:
    """Add the layer and the shapes it received to an error, once, where it came from."""
    if getattr(error, "_layer_named", False):
        return
    shapes = [_shape_of(a) if _has_shape(a) else a for a in args]
    error.add_note(f"In the call of layer {layer.path!r} ({type(layer).__name__}) with inputs of shape {shapes}.")
    try:
        error._layer_named = True  # type: ignore[attr-defined]
    except AttributeError:  # an exception class without attributes is named by each layer around it
        return
