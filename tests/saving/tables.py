"""What files can hold, as data that says how to make it in ours and in Keras. NumPy alone is imported here."""

from __future__ import annotations

import operator
from typing import Any

from tests.layers.table import Make, realize

#: A class by its path in the package, with arguments.
Row = tuple[str, dict[str, Any]]


def made(row: Row, package: Any) -> Any:
    """An object of a row, from ``keras`` or ``triceras``."""
    return realize(Make(*row), package)


def make(path: str, **kwargs: Any) -> Make:
    """An object among the arguments of another."""
    return Make(path, kwargs)


SEED: Any = 3
AXES: dict[str, Any] = {"seed": SEED, "input_axes": 0, "output_axes": [1, 2]}

INITIALIZERS: list[Row] = [
    ("initializers.Zeros", {}),
    ("initializers.Ones", {}),
    ("initializers.Constant", {"value": 2.5}),
    ("initializers.Constant", {"value": [1.0, 2.0]}),
    ("initializers.Identity", {"gain": 2.0}),
    ("initializers.Orthogonal", {"gain": 2.0, "seed": SEED}),
    ("initializers.RandomNormal", {"mean": 1.0, "stddev": 0.5, "seed": SEED}),
    ("initializers.RandomNormal", {}),
    ("initializers.RandomNormal", {"seed": make("random.SeedGenerator", seed=5)}),
    ("initializers.TruncatedNormal", {"mean": 1.0, "stddev": 0.5, "seed": SEED}),
    ("initializers.RandomUniform", {"minval": 1.0, "maxval": 2.0, "seed": SEED}),
    ("initializers.STFT", {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True}),
    ("initializers.VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "uniform"} | AXES),
    *((f"initializers.{name}{kind}", AXES) for name in ("Glorot", "He", "Lecun") for kind in ("Normal", "Uniform")),
]

REGULARIZERS: list[Row] = [
    ("regularizers.L1", {"l1": 0.5}),
    ("regularizers.L2", {"l2": 0.5}),
    ("regularizers.L1L2", {"l1": 0.5, "l2": 0.25}),
    ("regularizers.OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]

CONSTRAINTS: list[Row] = [
    ("constraints.MaxNorm", {"max_value": 3, "axis": [0, 1]}),
    ("constraints.MinMaxNorm", {"min_value": 0.5, "max_value": 2.0, "rate": 0.5, "axis": 1}),
    ("constraints.NonNeg", {}),
    ("constraints.UnitNorm", {"axis": 1}),
]

LOSS: dict[str, Any] = {"reduction": "sum", "name": "given", "dtype": "bfloat16"}
LOSSES: list[Row] = [
    *(
        (f"losses.{name}", LOSS)
        for name in "CTC CategoricalHinge Hinge KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError "
        "MeanSquaredError MeanSquaredLogarithmicError Poisson SquaredHinge".split()
    ),
    ("losses.MeanSquaredError", {}),
    ("losses.Huber", LOSS | {"delta": 0.5}),
    ("losses.CosineSimilarity", LOSS | {"axis": 1}),
    ("losses.Dice", LOSS | {"axis": [1, 2]}),
    ("losses.Tversky", LOSS | {"alpha": 0.25, "beta": 0.75, "axis": [1]}),
    ("losses.Circle", LOSS | {"gamma": 10.0, "margin": 0.5, "remove_diagonal": False}),
    ("losses.BinaryCrossentropy", LOSS | {"from_logits": True, "label_smoothing": 0.5, "axis": 1}),
    (
        "losses.BinaryFocalCrossentropy",
        LOSS
        | {"apply_class_balancing": True, "alpha": 0.5, "gamma": 3.0, "from_logits": True}
        | {"label_smoothing": 0.5, "axis": 1},
    ),
    ("losses.CategoricalCrossentropy", LOSS | {"from_logits": True, "label_smoothing": 0.5, "axis": 1}),
    (
        "losses.CategoricalFocalCrossentropy",
        LOSS | {"alpha": [0.5, 0.25], "gamma": 3.0, "from_logits": True, "label_smoothing": 0.5, "axis": 1},
    ),
    ("losses.CategoricalGeneralizedCrossEntropy", LOSS | {"q": 0.25}),
    ("losses.SparseCategoricalCrossentropy", LOSS | {"from_logits": True, "ignore_class": 1, "axis": 1}),
]

METRIC: dict[str, Any] = {"name": "given", "dtype": "bfloat16"}
LOGITS: dict[str, Any] = {"from_logits": True, "label_smoothing": 0.5}
METRICS: list[Row] = [
    *(
        (f"metrics.{name}", METRIC)
        for name in "Accuracy CategoricalAccuracy CategoricalHinge Hinge KLDivergence LogCoshError Mean "
        "MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson "
        "RootMeanSquaredError SparseCategoricalAccuracy SquaredHinge Sum".split()
    ),
    *(
        (f"metrics.{name}", METRIC | {"axis": 1})
        for name in ("ConcordanceCorrelation", "CosineSimilarity", "PearsonCorrelation")
    ),
    *(
        (f"metrics.{name}", METRIC | {"thresholds": thresholds})
        for name in ("FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives")
        for thresholds in ([0.25, 0.75], 0.25)
    ),
    ("metrics.MeanSquaredError", {}),
    ("metrics.AUC", {}),
    (
        "metrics.AUC",
        METRIC
        | {"num_thresholds": 7, "curve": "PR", "summation_method": "majoring", "multi_label": True}
        | {"num_labels": 3, "label_weights": [1.0, 2.0, 3.0], "from_logits": True},
    ),
    ("metrics.AUC", {"thresholds": [0.25, 0.5]}),
    ("metrics.BinaryAccuracy", METRIC | {"threshold": 0.25}),
    ("metrics.BinaryCrossentropy", METRIC | LOGITS),
    ("metrics.BinaryIoU", METRIC | {"target_class_ids": [1], "threshold": 0.25}),
    ("metrics.CategoricalCrossentropy", METRIC | LOGITS | {"axis": 1}),
    ("metrics.SparseCategoricalCrossentropy", METRIC | {"from_logits": True, "ignore_class": 1, "axis": 1}),
    ("metrics.F1Score", METRIC | {"average": "macro", "threshold": 0.25}),
    ("metrics.FBetaScore", METRIC | {"average": "macro", "beta": 2.0, "threshold": 0.25}),
    (
        "metrics.IoU",
        METRIC
        | {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0}
        | {"sparse_y_true": False, "sparse_y_pred": False, "axis": 1},
    ),
    (
        "metrics.MeanIoU",
        METRIC | {"num_classes": 3, "ignore_class": 0, "sparse_y_true": False, "sparse_y_pred": False, "axis": 1},
    ),
    (
        "metrics.OneHotIoU",
        METRIC | {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0, "sparse_y_pred": True, "axis": 1},
    ),
    ("metrics.OneHotMeanIoU", METRIC | {"num_classes": 3, "ignore_class": 0, "sparse_y_pred": True, "axis": 1}),
    *(("metrics." + name, METRIC | {"thresholds": [0.25, 0.75]}) for name in ("Precision", "Recall")),
    *(("metrics." + name, METRIC | {"top_k": 2, "class_id": 1}) for name in ("Precision", "Recall")),
    *(
        ("metrics." + name, METRIC | {argument: 0.25, "num_thresholds": 7, "class_id": 1})
        for name, argument in (
            ("PrecisionAtRecall", "recall"),
            ("RecallAtPrecision", "precision"),
            ("SensitivityAtSpecificity", "specificity"),
            ("SpecificityAtSensitivity", "sensitivity"),
        )
    ),
    ("metrics.R2Score", METRIC | {"class_aggregation": "variance_weighted_average", "num_regressors": 1}),
    ("metrics.TopKCategoricalAccuracy", METRIC | {"k": 2}),
    ("metrics.SparseTopKCategoricalAccuracy", METRIC | {"k": 2, "from_sorted_ids": True}),
]

SCHEDULES: list[Row] = [
    (
        "optimizers.schedules.CosineDecay",
        {"initial_learning_rate": 0.5, "decay_steps": 7, "alpha": 0.25, "name": "given"}
        | {"warmup_target": 0.75, "warmup_steps": 2},
    ),
    (
        "optimizers.schedules.CosineDecayRestarts",
        {"initial_learning_rate": 0.5, "first_decay_steps": 7, "t_mul": 3.0, "m_mul": 0.5, "alpha": 0.25}
        | {"name": "given"},
    ),
    *(
        (
            f"optimizers.schedules.{name}",
            {"initial_learning_rate": 0.5, "decay_steps": 7, "decay_rate": 0.25, "staircase": True, "name": "given"},
        )
        for name in ("ExponentialDecay", "InverseTimeDecay")
    ),
    (
        "optimizers.schedules.PiecewiseConstantDecay",
        {"boundaries": [2, 4], "values": [0.5, 0.25, 0.125], "name": "given"},
    ),
    (
        "optimizers.schedules.PolynomialDecay",
        {"initial_learning_rate": 0.5, "decay_steps": 7, "end_learning_rate": 0.25, "power": 2.0, "cycle": True}
        | {"name": "given"},
    ),
]

#: What all optimizers take, in three rows for only one way of clipping can be set.
AVERAGED: dict[str, Any] = {
    "learning_rate": 0.25,
    "weight_decay": 0.125,
    "clipnorm": 0.5,
    "use_ema": True,
    "ema_momentum": 0.75,
    "ema_overwrite_frequency": 2,
    "loss_scale_factor": 2.0,
    "name": "given",
}
ACCUMULATED: dict[str, Any] = {"clipvalue": 0.5, "gradient_accumulation_steps": 2}
CLIPPED: dict[str, Any] = {"global_clipnorm": 0.5, "learning_rate": Make(*SCHEDULES[2])}
BETAS: dict[str, Any] = {"beta_1": 0.75, "beta_2": 0.875, "epsilon": 0.125}
OWN: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.5, "nesterov": True},
    "Adam": BETAS | {"amsgrad": True},
    "AdamW": BETAS | {"amsgrad": True},
    "RMSprop": {"rho": 0.5, "momentum": 0.5, "epsilon": 0.125, "centered": True},
    "Adagrad": {"initial_accumulator_value": 0.5, "epsilon": 0.125},
    "Adadelta": {"rho": 0.5, "epsilon": 0.125},
    "Adamax": BETAS,
    "Nadam": BETAS,
    "Lamb": BETAS,
    "Lion": {"beta_1": 0.75, "beta_2": 0.875},
    "Ftrl": {
        "learning_rate_power": -0.25,
        "initial_accumulator_value": 0.5,
        "l1_regularization_strength": 0.25,
        "l2_regularization_strength": 0.25,
        "l2_shrinkage_regularization_strength": 0.25,
        "beta": 0.5,
    },
    "Adafactor": {
        "beta_2_decay": -0.5,
        "epsilon_1": 0.125,
        "epsilon_2": 0.25,
        "clip_threshold": 2.0,
        "relative_step": False,
    },
    "Muon": {
        "adam_beta_1": 0.75,
        "adam_beta_2": 0.875,
        "adam_weight_decay": 0.25,
        "epsilon": 0.125,
        "exclude_layers": ["b"],
        "exclude_embeddings": False,
        "muon_a": 3.0,
        "muon_b": -4.0,
        "muon_c": 2.0,
        "adam_lr_ratio": 0.5,
        "momentum": 0.5,
        "ns_steps": 3,
        "nesterov": False,
        "rms_rate": 0.5,
    },
    "ScheduleFreeAdamW": BETAS | {"warmup_steps": 2},
}
OPTIMIZERS: list[Row] = [
    *((f"optimizers.{name}", AVERAGED | own) for name, own in OWN.items()),
    *((f"optimizers.{name}", ACCUMULATED) for name in OWN),
    *((f"optimizers.{name}", CLIPPED) for name in OWN),
    (
        "optimizers.LossScaleOptimizer",
        {
            "inner_optimizer": make("optimizers.Adam", **BETAS),
            "initial_scale": 64.0,
            "dynamic_growth_steps": 2,
            "name": "given",
        },
    ),
    (
        "optimizers.MultiOptimizer",
        {
            "optimizer_map": make(
                "optimizers.OptimizerMap",
                default_optimizer=make("optimizers.SGD", momentum=0.5),
                optimizer_map={".*bias": make("optimizers.Adam")},
            ),
            "loss_scale_factor": 2.0,
            "name": "given",
        },
    ),
    (
        "optimizers.OptimizerMap",
        {"default_optimizer": make("optimizers.SGD"), "optimizer_map": {".*bias": make("optimizers.Adam")}},
    ),
]

POLICIES: list[Row] = [
    *(
        ("dtype_policies.DTypePolicy", {"name": name})
        for name in ("float32", "float16", "mixed_float16", "mixed_bfloat16", "int8")
    ),
    ("dtype_policies.QuantizedDTypePolicy", {"mode": "int8", "source_name": "mixed_bfloat16"}),
    ("dtype_policies.QuantizedDTypePolicy", {"mode": "int8"}),
    (
        "dtype_policies.QuantizedFloat8DTypePolicy",
        {"mode": "float8", "source_name": "mixed_bfloat16", "amax_history_length": 7},
    ),
    ("dtype_policies.Int4DTypePolicy", {"mode": "int4/64", "source_name": "bfloat16"}),
    ("dtype_policies.GPTQDTypePolicy", {"mode": "gptq/4/64", "source_name": "mixed_float16"}),
    ("dtype_policies.AWQDTypePolicy", {"mode": "awq/4/64", "source_name": "mixed_float16"}),
    (
        "dtype_policies.DTypePolicyMap",
        {
            "default_policy": "mixed_float16",
            "policy_map": {
                "encoder/.*": make("dtype_policies.DTypePolicy", name="bfloat16"),
                "d": make("dtype_policies.GPTQDTypePolicy", mode="gptq/4/64"),
            },
        },
    ),
    ("dtype_policies.DTypePolicyMap", {}),
]

_LOOPS = ("unroll", "zero_output_for_mask")
#: Layers with arguments that no row of tests/layers gives.
LAYERS: list[Row] = [
    ("layers.BatchNormalization", {"synchronized": True}),
    ("layers.EinsumDense", {"equation": "ab,bc->ac", "output_shape": 4, "lora_rank": 2, "lora_alpha": 3.0}),
    ("layers.ReversibleEmbedding", {"input_dim": 4, "output_dim": 3, "lora_rank": 2, "lora_alpha": 3.0}),
    (
        "layers.InputLayer",
        {"batch_shape": [2, 3], "dtype": "int32", "sparse": True, "name": "given", "optional": True},
    ),
    ("layers.InputLayer", {"batch_shape": [2, 3], "ragged": True}),
    *(
        (f"layers.ConvLSTM{n}D", {"filters": 2, "kernel_size": 2, "dilation_rate": 2} | dict.fromkeys(_LOOPS, True))
        for n in (1, 2, 3)
    ),
]

ROOMS: dict[str, list[Row]] = {
    "initializers": INITIALIZERS,
    "regularizers": REGULARIZERS,
    "constraints": CONSTRAINTS,
    "losses": LOSSES,
    "metrics": METRICS,
    "optimizers.schedules": SCHEDULES,
    "optimizers": OPTIMIZERS,
    "dtype_policies": POLICIES,
    "layers": LAYERS,
}
OBJECTS: list[Row] = [row for rows in ROOMS.values() for row in rows]


def named(path: str, package: Any) -> Any:
    """A function or class of a package by its path."""
    return operator.attrgetter(path)(package)


#: Functions that files name.
FUNCTIONS = [
    *(
        f"activations.{name}"
        for name in "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid "
        "log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid "
        "sparsemax squareplus tanh tanh_shrink threshold swish hard_swish".split()
    ),
    *(
        f"losses.{name}"
        for name in "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy "
        "categorical_generalized_cross_entropy categorical_hinge circle cosine_similarity ctc dice hinge huber kl_divergence "
        "log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error "
        "poisson sparse_categorical_crossentropy squared_hinge tversky".split()
    ),
    *(
        f"metrics.{name}"
        for name in "binary_accuracy categorical_accuracy sparse_categorical_accuracy sparse_top_k_categorical_accuracy "
        "top_k_categorical_accuracy mean_squared_error".split()
    ),
]

#: Optimizers that are trained with, saved, and trained with again.
_RATE: dict[str, Any] = {"learning_rate": 0.05}
TRAINED: list[Row] = [
    *((f"optimizers.{name}", _RATE) for name in OWN),
    ("optimizers.SGD", _RATE | {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("optimizers.SGD", {"learning_rate": Make(*SCHEDULES[0]), "momentum": 0.9}),
    ("optimizers.Adam", {"learning_rate": Make(*SCHEDULES[4]), "amsgrad": True, "clipnorm": 0.5}),
    ("optimizers.Adam", _RATE | {"use_ema": True, "ema_overwrite_frequency": 2, "global_clipnorm": 0.5}),
    ("optimizers.Adam", _RATE | {"use_ema": True, "ema_momentum": 0.5}),
    ("optimizers.SGD", _RATE | {"gradient_accumulation_steps": 2, "momentum": 0.9}),
    ("optimizers.Adam", _RATE | {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5}),
    ("optimizers.RMSprop", _RATE | {"momentum": 0.5, "centered": True, "loss_scale_factor": 4.0}),
    ("optimizers.Adafactor", _RATE | {"relative_step": False}),
    ("optimizers.Muon", _RATE | {"exclude_layers": ["dense_1"], "nesterov": False}),
    ("optimizers.ScheduleFreeAdamW", _RATE | {"warmup_steps": 5, "weight_decay": 0.1}),
    (
        "optimizers.LossScaleOptimizer",
        {"inner_optimizer": make("optimizers.Adam", **_RATE), "initial_scale": 64.0, "dynamic_growth_steps": 2},
    ),
    (
        "optimizers.LossScaleOptimizer",
        {"inner_optimizer": make("optimizers.SGD", gradient_accumulation_steps=2, momentum=0.9, **_RATE)},
    ),
    (
        "optimizers.MultiOptimizer",
        {
            "optimizer_map": make(
                "optimizers.OptimizerMap",
                default_optimizer=make("optimizers.SGD", momentum=0.5, **_RATE),
                optimizer_map={".*bias": make("optimizers.Adam", **_RATE)},
            )
        },
    ),
]
LOSSES_BY_NAME = {path.rpartition(".")[2] for path, _ in LOSSES}
