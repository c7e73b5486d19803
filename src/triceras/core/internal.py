"""Attributes of layers and models that aren't the user's: what they hold is neither tracked nor walked when saving."""

#: The names.
INTERNAL = frozenset(
    "_layers _metrics _chain _input_layer _seed_generators _nodes _program _inputs _outputs _inputs_struct _outputs_struct "
    "_inbound_nodes _outbound_nodes _init_arguments _tracker _runners _compile_arguments _compiled_loss _compiled_metrics "
    "_loss_tracker _observers _symbols _tracked _modules _parameters _buffers _trainable_variables _non_trainable_variables "
    "_added_losses _build_shapes _input_spec _backend history loss optimizer".split()
)
