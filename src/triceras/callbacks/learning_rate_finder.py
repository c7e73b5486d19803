"""The range test that finds a learning rate (Smith 2015, arXiv:1506.01186, section 3.3)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from triceras import ops
from triceras.backends import registry
from triceras.callbacks.callback import Callback
from triceras.training.data.array_source import ArraySource
from triceras.training.data.sources import make_source
from triceras.training.step import state_of

if TYPE_CHECKING:
    from triceras.callbacks.run import Run

#: Steps before a loss can be called divergent, and those at the beginning that no suggestion is drawn from.
_SETTLING = 5


class LearningRateFinder(Callback):
    """Trains for some steps with a rate that grows from one to the next, and suggests the one where the loss falls fastest.

    Afterwards the model, its optimizer, seeds and the order of the data are as before, to the last bit. Use it by ``find``, or
    give it to ``fit``, which then begins with the test on its own data.

    Args:
        min_rate, max_rate: the first and the last rate.
        steps: how many rates are tried, one batch each; batches come again where there are fewer.
        schedule: how rates grow, ``"exponential"`` or ``"linear"``.
        smoothing: the share of the former in the moving average of losses, in [0, 1).
        divergence: the test ends early where the average is over this many times its least, or not finite; None for never.
        apply: in ``fit``, whether to train with the rate suggested.
        verbose: 1 to say what is suggested.
        seed: of the order in which rows of arrays are taken.

    Attributes:
        rates, losses: what was tried, and the loss of the batch before each step; lists of floats.
        suggestion: the rate where the average of losses falls fastest along ``rates``; None where it falls nowhere.

    Raises:
        ValueError: an argument is wrong; the optimizer's rate can't be set; or the data can be read only once.

    Example:
        >>> from triceras import callbacks
        >>> model = Sequential([Input((2,)), Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> x = np.random.default_rng(0).normal(size=(320, 2))
        >>> finder = callbacks.LearningRateFinder(1e-4, 10.0)
        >>> rate = finder.find(model, x, x[:, :1], batch_size=32)
        >>> 0.01 < rate < 1.0, len(finder.losses) <= 100
        (True, True)
    """

    state_names = ("rates", "losses")

    def __init__(
        self,
        min_rate: float = 1e-7,
        max_rate: float = 1.0,
        steps: int = 100,
        schedule: str = "exponential",
        smoothing: float = 0.9,
        divergence: float | None = 4.0,
        apply: bool = False,
        verbose: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 < min_rate < max_rate < math.inf:
            raise ValueError(
                f"LearningRateFinder: 0 < min_rate < max_rate, received min_rate={min_rate}, max_rate={max_rate}."
            )
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 2:
            raise ValueError(f"LearningRateFinder: steps is an integer of at least 2, received {steps!r}.")
        if schedule not in ("exponential", "linear"):
            raise ValueError(f"LearningRateFinder: schedule is 'exponential' or 'linear', received {schedule!r}.")
        if not 0 <= smoothing < 1:
            raise ValueError(f"LearningRateFinder: smoothing is at least 0 and under 1, received {smoothing!r}.")
        if divergence is not None and not divergence > 1:
            raise ValueError(f"LearningRateFinder: divergence is over 1 or None, received {divergence!r}.")
        self.schedule = schedule
        self.smoothing = smoothing
        self.divergence = divergence
        self.apply = apply
        self.verbose = verbose
        self.seed = seed
        spaced = np.geomspace if schedule == "exponential" else np.linspace
        self._planned = [float(rate) for rate in spaced(min_rate, max_rate, steps)]
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._source: Any = None

    # ---- as a callback ----------------------------------------------------------------------------------------------

    def adjust(self, run: Run) -> None:
        self._source = run.source

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.rates, self.losses = [], []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        source, self._source = self._source, None
        if source is None or self.losses:  # a training that goes on has had its test
            return
        model = self._needed_model("test the learning rates of")
        self._test(model, source)
        if self.apply and self.suggestion is not None:
            model.optimizer.learning_rate = self.suggestion

    # ---- by itself --------------------------------------------------------------------------------------------------

    def find(
        self, model: Any, x: Any, y: Any = None, sample_weight: Any = None, batch_size: int | None = None
    ) -> float | None:
        """Run the test on a compiled model.

        Args:
            model: the model.
            x, y, sample_weight, batch_size: as for ``fit``.

        Returns:
            The suggestion.
        """
        model._check_compiled("find")
        with registry.use(model.backend):
            source = make_source(
                x, y, sample_weight, batch_size=batch_size, shuffle=False, class_weight=None, backend=model.backend
            )
            with contextlib.closing(source):
                model._prepare(source, training=True)
                self._test(model, source)
        return self.suggestion

    @property
    def suggestion(self) -> float | None:
        """The rate where the average of losses falls fastest; None where it falls nowhere."""
        count = len(self.losses) - (1 if self._diverged else 0)
        skipped = min(_SETTLING, count // 10)
        if count - skipped < 3:
            return None
        losses = np.array(self.losses[skipped:count])
        # Averaged from both ends, the curve lies where the losses do: from one end it would lag behind.
        smooth = (_averages(losses, self.smoothing) + _averages(losses[::-1], self.smoothing)[::-1]) / 2
        slope = np.gradient(smooth)
        steepest = int(np.argmin(slope))
        return self.rates[skipped + steepest] if slope[steepest] < 0 else None

    def plot(self, target: Any = None) -> Any:
        """Draw losses against rates, the suggestion marked; needs matplotlib (``pip install triceras[plot]``).

        Args:
            target: a file for the picture, or axes of matplotlib's to draw on; None for new ones.

        Returns:
            The axes.

        Raises:
            ImportError: there is no matplotlib.
            ValueError: there is nothing to draw yet.
        """
        if not self.losses:
            raise ValueError("LearningRateFinder has nothing to plot: call find(), or give it to fit(), first.")
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("LearningRateFinder.plot() needs matplotlib: pip install 'triceras[plot]'.") from error
        axes: Any = target if hasattr(target, "plot") else Figure().subplots()
        axes.plot(self.rates, self.losses)
        suggestion = self.suggestion
        if suggestion is not None:
            axes.plot([suggestion], [self.losses[self.rates.index(suggestion)]], "o", label=f"{suggestion:.3g}")
            axes.legend()
        axes.set_xscale("log" if self.schedule == "exponential" else "linear")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        if target is not None and axes is not target:
            axes.figure.savefig(target)
        return axes

    # ---- the test ---------------------------------------------------------------------------------------------------

    @property
    def _diverged(self) -> bool:
        """Whether the last loss is one that ends the test."""
        if not self.losses or not math.isfinite(self.losses[-1]):
            return bool(self.losses)
        if self.divergence is None or len(self.losses) <= _SETTLING:
            return False
        averages = _averages(np.array(self.losses), self.smoothing)
        return bool(averages[-1] > self.divergence * averages[_SETTLING - 1 :].min())

    def _test(self, model: Any, source: Any) -> None:
        self.rates, self.losses = [], []
        runner = model._runner("train", source.layout)
        with contextlib.closing(self._batches(source)) as batches, _as_before(model):
            for rate, batch in zip(self._planned, batches):
                _set_rate(model, rate)
                model.reset_metrics()
                figures = model.read_logs(runner.run(batch))
                if "loss" not in figures:
                    raise ValueError(
                        f"LearningRateFinder follows the loss, which isn't among the figures of model {model.name!r}: "
                        f"expected 'loss', received {', '.join(figures)}."
                    )
                self.rates.append(rate)
                self.losses.append(float(figures["loss"]))
                if self._diverged:
                    break
        if self.verbose:
            print(f"LearningRateFinder: of {len(self.rates)} rates it suggests {self.suggestion}.")

    def _batches(self, source: Any) -> Generator[list[Any], None, None]:
        """Batches without an end, taken so that the source goes on as if nothing had been."""
        if isinstance(source, ArraySource):
            order = np.random.Generator(np.random.Philox(self.seed)).permutation(source.rows).astype(np.int32)
            size = min(source.batch_size, source.rows)
            while True:
                for start in range(0, source.rows - size + 1, size):
                    yield source.gather(order[start : start + size])
        if not getattr(source, "restarts", True):
            raise ValueError(
                "LearningRateFinder takes batches that training needs again: expected arrays or an iterable that can begin "
                "anew, received an iterator. Call find() with other data before fit()."
            )
        head = source.head(len(self._planned))
        while True:
            with contextlib.closing(head.batches()) as batches:
                for handed in batches:
                    yield handed.tensors


def _averages(values: np.ndarray, share: float) -> np.ndarray:
    """Exponential moving averages, each of them corrected for its short history."""
    averages, total, weight = [], 0.0, 0.0
    for value in values:
        total = share * total + (1 - share) * float(value)
        weight = share * weight + (1 - share)
        averages.append(total / weight)
    return np.array(averages)


def _set_rate(model: Any, rate: float) -> None:
    try:
        model.optimizer.learning_rate = rate
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"LearningRateFinder can't set the learning rate of {type(model.optimizer).__name__} in model {model.name!r}: "
            "expected one that was given as a number. Compile the model with such an optimizer for the test."
        ) from error


@contextlib.contextmanager
def _as_before(model: Any) -> Iterator[None]:
    """A scope after which all variables that training changes hold what they held before."""
    groups = [*state_of(model), [v for observer in model._observers for v in observer.variables]]
    variables = list({id(v): v for group in groups for v in group}.values())
    values = [ops.convert_to_numpy(v.stored_value).copy() for v in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
