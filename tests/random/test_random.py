"""Random numbers: the same everywhere, distributed as they say, from streams that move on."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

import triceras
from triceras import layers, ops, random
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.random.distributions import standard_normal
from triceras.random.words import random_words

BACKENDS = registry.available_backends()

#: (seed, counter) -> the first four words.
GOLDEN = {
    (0, 0): "ee669320 17e1da0f 8ae901f5 48ede424",
    (12345, 678): "fb10c262 80bc35bd 795359a3 836e163d",
}

#: Name -> (draw, whether all backends agree to the bit).
DRAWS = {
    "uniform": (lambda seed: random.uniform((50, 40), -2.0, 3.0, seed=seed), True),
    "uniform int": (lambda seed: random.uniform((50, 40), 2, 9, dtype="int32", seed=seed), True),
    "normal": (lambda seed: random.normal((50, 40), 1.0, 2.0, seed=seed), False),
    "truncated_normal": (lambda seed: random.truncated_normal((50, 40), seed=seed), False),
    "randint": (lambda seed: random.randint((50, 40), -1000, 100000, seed=seed), True),
    "categorical": (lambda seed: random.categorical(np.log([[0.1, 0.2, 0.7]] * 50), 40, seed=seed), True),
    "dropout": (lambda seed: random.dropout(np.ones((50, 40), np.float32), 0.3, seed=seed), True),
    "dropout noise_shape": (lambda seed: random.dropout(np.ones((50, 40), np.float32), 0.3, (None, 1), seed), True),
    "shuffle": (lambda seed: random.shuffle(np.arange(50), seed=seed), True),
    "shuffle axis": (lambda seed: random.shuffle(np.arange(100).reshape(2, 50), axis=1, seed=seed), True),
    "gamma": (lambda seed: random.gamma((50, 40), 2.5, seed=seed), False),
    "gamma small": (lambda seed: random.gamma((50, 40), np.linspace(0.05, 1.0, 40, dtype="float32"), seed=seed), False),
    "beta": (lambda seed: random.beta((50, 40), 0.5, [[2.0]], seed=seed), False),
    "binomial": (lambda seed: random.binomial((50, 40), 9, 0.3, seed=seed), True),
    "binomial many": (lambda seed: random.binomial((50, 40), [[0, 16, 17, 1000] * 10], 0.7, seed=seed), True),
    "bfloat16": (lambda seed: ops.cast(random.uniform((50, 40), dtype="bfloat16", seed=seed), "float32"), True),
}


def host(x: object) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


@pytest.mark.parametrize("key", GOLDEN)
def test_golden_words(backend: Backend, key: tuple[int, int]) -> None:
    words = host(random_words(np.array(key, np.uint32).astype(backend.seed_dtype), (4,)))
    assert words.dtype == np.int32
    assert " ".join(f"{w:08x}" for w in words.view(np.uint32)) == GOLDEN[key]


def test_words_are_counted_in_row_major_order(backend: Backend) -> None:
    key = np.array([1, 2], backend.seed_dtype)
    flat = host(random_words(key, (24,)))
    np.testing.assert_array_equal(host(random_words(key, (2, 3, 4))), flat.reshape(2, 3, 4))
    assert host(random_words(key, ())).shape == ()
    assert host(random_words(key, (0, 3))).shape == (0, 3)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_all_backends_draw_the_same(name: str, seed: int) -> None:
    draw, to_the_bit = DRAWS[name]
    results = {}
    for backend in BACKENDS:
        with backend_scope(backend):
            results[backend] = host(draw(seed))
            np.testing.assert_array_equal(host(draw(seed)), results[backend])
            np.testing.assert_array_equal(host(draw(random.SeedGenerator(seed))), results[backend])
    reference = results["numpy"]
    for backend, result in results.items():
        assert result.dtype == reference.dtype or name.startswith("shuffle"), backend
        if to_the_bit:
            np.testing.assert_array_equal(result, reference, err_msg=backend)
        else:
            np.testing.assert_allclose(result, reference, rtol=1e-5, atol=2e-6, err_msg=backend)


@pytest.mark.parametrize("name", DRAWS)
def test_seeds_differ(name: str) -> None:
    draw, _ = DRAWS[name]
    with backend_scope("numpy"):
        assert not np.array_equal(host(draw(1)), host(draw(2)))


LARGE = (1_000_000,)


def standard_truncated() -> object:
    return scipy.stats.truncnorm(-2.0, 2.0)


@pytest.mark.parametrize(
    "draw, law",
    [
        (lambda: random.uniform(LARGE, 2.0, 5.0, seed=3), scipy.stats.uniform(2.0, 3.0)),
        (lambda: random.normal(LARGE, 1.0, 0.5, seed=4), scipy.stats.norm(1.0, 0.5)),
        (lambda: random.truncated_normal(LARGE, seed=5), standard_truncated()),
    ],
    ids=["uniform", "normal", "truncated_normal"],
)
def test_continuous_distributions(draw: object, law: object) -> None:
    """Moments within five standard errors and a Kolmogorov-Smirnov test; the seeds are fixed, so this can't flicker."""
    with backend_scope("numpy"):
        x = host(draw()).astype("float64")  # type: ignore[operator]
    assert abs(x.mean() - law.mean()) < 5 * law.std() / 1000  # type: ignore[attr-defined]
    assert abs(x.var() / law.var() - 1) < 0.01  # type: ignore[attr-defined]
    assert abs(np.mean((x - law.mean()) ** 3)) < 0.02 * law.std() ** 3  # type: ignore[attr-defined]
    assert scipy.stats.kstest(x, law.cdf).pvalue > 0.001  # type: ignore[attr-defined]
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.005


@pytest.mark.parametrize("low, high", [(0, 10), (-5, 2), (0, 1000), (-(2**30), 2**30)])
def test_randint_is_even(low: int, high: int) -> None:
    with backend_scope("numpy"):
        x = host(random.randint(LARGE, low, high, seed=9)).astype(np.int64)
    assert low <= x.min()
    assert x.max() < high
    cells = min(high - low, 100)
    counts = np.bincount((x - low) * cells // (high - low), minlength=cells)
    widths = np.bincount(np.arange(high - low) * cells // (high - low)) if high - low <= 1000 else np.ones(cells)
    assert scipy.stats.chisquare(counts, widths / widths.sum() * len(x)).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.05, 0.7, 1.0, 3.5, 200.0])
def test_gamma_is_distributed_as_it_says(alpha: float) -> None:
    with backend_scope("numpy"):
        x = host(random.gamma(LARGE, alpha, seed=6)).astype("float64")
    law = scipy.stats.gamma(alpha)
    assert x.min() >= 0.0
    assert abs(x.mean() - alpha) < 5 * law.std() / np.sqrt(len(x))
    assert abs(x.var() / law.var() - 1) < 0.05
    # In logarithms, which tell the tiny numbers of a small alpha apart; below 1e-30 float32 begins to lose them.
    seen = x[x > 1e-30]
    lost = law.cdf(1e-30)
    assert abs((len(x) - len(seen)) / len(x) - lost) < 0.01
    assert scipy.stats.kstest(seen, lambda v: (law.cdf(v) - lost) / (1 - lost)).pvalue > 0.001


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 0.1), (0.5, 2.0), (1.0, 1.0), (30.0, 70.0)])
def test_beta_is_distributed_as_it_says(alpha: float, beta: float) -> None:
    with backend_scope("numpy"):
        x = host(random.beta(LARGE, alpha, beta, seed=7)).astype("float64")
    law = scipy.stats.beta(alpha, beta)
    assert np.isfinite(x).all()
    assert abs(x.mean() - law.mean()) < 5 * law.std() / np.sqrt(len(x))
    assert abs(x.var() / law.var() - 1) < 0.02
    inside = x[(x > 1e-6) & (x < 1 - 1e-6)]  # float32 can't tell those near 1 apart
    low, high = law.cdf(1e-6), law.cdf(1 - 1e-6)
    assert scipy.stats.kstest(inside, lambda v: (law.cdf(v) - low) / (high - low)).pvalue > 0.001


#: Both methods, and where one takes over from the other: a mean of 10 of the rarer outcome.
BINOMIAL = [(1, 0.3), (16, 0.5), (19, 0.5), (20, 0.5), (17, 0.1), (50, 0.96), (33, 0.31), (100, 0.1), (1000, 0.02)]
BINOMIAL += [(1000, 0.3), (200_000, 0.4), (10_000_000, 2e-6), (10_000_000, 0.999)]


@pytest.mark.parametrize("as_tensors", [False, True], ids=["numbers", "tensors"])
@pytest.mark.parametrize(("count", "rate"), BINOMIAL)
def test_binomial_is_distributed_as_it_says(count: int, rate: float, as_tensors: bool) -> None:
    with backend_scope("numpy"):
        parameters = ([count], [rate]) if as_tensors else (count, rate)
        x = host(random.binomial(LARGE, *parameters, seed=8)).astype(np.int64)
    rate = rate if not as_tensors else float(np.float32(rate))
    law = scipy.stats.binom(count, rate)
    assert x.min() >= 0
    assert x.max() <= count
    assert abs(x.mean() - law.mean()) < 5 * law.std() / np.sqrt(len(x))
    assert abs(x.var() / law.var() - 1) < 0.02
    edges = np.unique(np.concatenate([[-1], law.ppf(np.linspace(0.01, 0.99, 60)), [count]])).astype(np.int64)
    expected = np.diff(law.cdf(edges))
    counts = np.diff(np.searchsorted(np.sort(x), edges, "right"))
    kept = expected * len(x) > 5
    counts, expected = (np.append(v[kept], v[~kept].sum()) for v in (counts, expected))
    used = expected * len(x) > 0.5
    assert (
        scipy.stats.chisquare(counts[used], expected[used] / expected[used].sum() * counts[used].sum()).pvalue > 0.001
    )


def test_binomial_of_tensors_is_that_of_numbers(backend: Backend) -> None:
    counts = np.array([0.0, 3.0, 40.0, 700.0], np.float32)
    known = host(random.binomial((5, 4), counts, 0.4, seed=3))
    np.testing.assert_array_equal(host(random.binomial((5, 4), ops.convert_to_tensor(counts), 0.4, seed=3)), known)
    assert (known[:, 0] == 0).all()
    certain = random.binomial((4,), counts, [0.0, 1.0, 0.0, 1.0], seed=3)
    assert host(certain).tolist() == [0.0, 3.0, 0.0, 700.0]


def test_normal_is_finite_in_the_last_cell(backend: Backend) -> None:
    ends = ops.convert_to_tensor(np.array([2.0**-25, 1.0], np.float32))
    assert np.abs(host(standard_normal(ends))) == pytest.approx(5.35, abs=0.1)


@pytest.mark.parametrize("rows", [1, 4])
def test_categorical_is_distributed_as_it_says(rows: int) -> None:
    """By a search where there is one row, by comparisons where there are several; what is impossible is never drawn."""
    probabilities = np.array([0.0, 0.2, 0.001, 0.0, 0.299, 0.5, 0.0])
    with np.errstate(divide="ignore"), backend_scope("numpy"):
        logits = np.log(np.tile(probabilities, (rows, 1))).astype(np.float32)
        draws = host(random.categorical(logits, LARGE[0], seed=1))
    for row in draws:
        counts = np.bincount(row, minlength=7)
        possible = probabilities > 0
        assert not counts[~possible].any()
        assert scipy.stats.chisquare(counts[possible], probabilities[possible] * len(row)).pvalue > 0.001


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.9])
def test_dropout_drops_its_share(rate: float) -> None:
    with backend_scope("numpy"):
        dropped = host(random.dropout(np.ones(LARGE, np.float32), rate, seed=2))
    np.testing.assert_allclose(np.unique(dropped), [0.0, 1 / (1 - rate)], rtol=1e-6)
    assert scipy.stats.binomtest(int((dropped == 0).sum()), len(dropped), rate).pvalue > 0.001
    # In stretches of a hundred too: the counts are binomial.
    counts = (dropped.reshape(-1, 100) == 0).sum(1)
    assert abs(counts.var() / (100 * rate * (1 - rate)) - 1) < 0.05


def test_shuffle_is_even() -> None:
    """Where an element comes from tells nothing of where it goes: a hundred by a hundred cells are equally full."""
    with backend_scope("numpy"):
        order = host(random.shuffle(np.arange(LARGE[0], dtype=np.int32), seed=5))
    assert np.array_equal(np.sort(order), np.arange(LARGE[0]))
    cells = np.bincount(np.arange(LARGE[0]) // 10_000 * 100 + order // 10_000, minlength=10_000)
    statistic = ((cells - 100) ** 2 / 100).sum()
    assert 0.001 < scipy.stats.chi2(99 * 99).sf(statistic) < 0.999


# ---- gradients -------------------------------------------------------------------------------------------------------

TRAINING = [name for name in BACKENDS if registry.get_backend(name).trains]


@pytest.mark.parametrize("name", TRAINING)
def test_gamma_has_its_implicit_gradient(name: str) -> None:
    """Against central differences of the quantile function: a number keeps its place in the distribution."""
    alpha = np.array([0.05, 0.3, 1.0, 2.5, 40.0, 500.0], np.float32)
    with backend_scope(name) as backend:

        def total(parameters: list[object]) -> object:
            x = random.gamma((200, 6), parameters[0], seed=3)
            return ops.sum(ops.log(ops.maximum(x, 1e-30))), x

        _, x, (slopes,) = backend.value_and_grad(total, [ops.convert_to_tensor(np.tile(alpha, (200, 1)))])
        drawn, slopes = host(x), host(slopes)
    x, a = drawn.astype(np.float64), alpha.astype(np.float64)
    place, step = scipy.special.gammainc(a, x), 1e-4 * a
    difference = scipy.special.gammaincinv(a + step, place) - scipy.special.gammaincinv(a - step, place)
    expected = difference / (2 * step) / np.maximum(x, 1e-30)
    sharp = (x > 1e-25) & (place > 1e-6) & (place < 1 - 1e-6)  # where the quantile function is well known
    assert sharp.mean() > 0.85
    np.testing.assert_allclose(slopes[sharp], expected[sharp], rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("name", TRAINING)
def test_beta_has_the_gradient_of_its_mean(name: str) -> None:
    a, b = 0.7, 2.5
    with backend_scope(name) as backend:

        def mean(parameters: list[object]) -> object:
            x = random.beta((200_000,), *parameters, seed=4)
            return ops.mean(x), ()

        parameters = [ops.convert_to_tensor(np.float32(p)) for p in (a, b)]
        d_a, d_b = (float(host(g)) for g in backend.value_and_grad(mean, parameters)[2])
    assert d_a == pytest.approx(b / (a + b) ** 2, rel=0.01)
    assert d_b == pytest.approx(-a / (a + b) ** 2, rel=0.01)


@pytest.mark.parametrize("name", TRAINING)
def test_draws_are_the_same_compiled(name: str) -> None:
    """Where shapes may not depend on values, all are proposed again until none is left; the numbers are the same."""
    with backend_scope(name) as backend:
        key = ops.convert_to_tensor(np.array([7, 0]), backend.seed_dtype)
        for draw in (
            lambda key: random.gamma((500,), 0.4, seed=key),
            lambda key: random.binomial((500,), np.linspace(1, 1000, 500), 0.3, seed=key),
            lambda key: random.categorical(np.zeros((2, 5), np.float32), 100, seed=key),
            lambda key: random.normal((500,), seed=key),
        ):
            np.testing.assert_allclose(host(backend.compile(draw)(key)), host(draw(key)), rtol=1e-5, atol=1e-6)
    if name == "torch":
        from torch.fx.experimental.proxy_tensor import make_fx

        with backend_scope(name):
            captured = make_fx(lambda key: random.gamma((500,), 0.4, seed=key))(key)
            np.testing.assert_allclose(
                host(captured(key + 1)), host(random.gamma((500,), 0.4, seed=key + 1)), rtol=1e-5
            )


def test_uniform_never_reaches_its_ends() -> None:
    with backend_scope("numpy"):
        x = host(random.uniform(LARGE, seed=11))
    assert x.min() > 0.0
    assert x.max() <= 1.0


def test_a_generator_moves_on_and_begins_again(backend: Backend) -> None:
    generator = random.SeedGenerator(5)
    draws = [host(random.uniform((4,), seed=generator)).tolist() for _ in range(3)]
    assert len({tuple(d) for d in draws}) == 3
    again = random.SeedGenerator.from_config(generator.get_config())
    assert [host(random.uniform((4,), seed=again)).tolist() for _ in range(3)] == draws
    assert generator.state.numpy().astype(int).tolist() == [5, 3]
    key = host(generator.next())
    assert key.astype(int).tolist() == [5, 3]


def test_set_random_seed_begins_everything_again(backend: Backend) -> None:
    def draw() -> list[object]:
        triceras.utils.set_random_seed(42)
        layer = layers.Dense(3)
        layer.build((None, 2))
        dropout = layers.Dropout(0.5)(np.ones((20,), np.float32), training=True)
        values = [random.normal((3,)), random.normal((3,)), layer.kernel, dropout]
        return [host(x).tolist() for x in values] + [np.random.rand()]

    first = draw()
    assert first == draw()
    assert first[0] != first[1]


def test_layers_draw_the_same_everywhere() -> None:
    results = []
    for name in BACKENDS:
        with backend_scope(name):
            triceras.utils.set_random_seed(1)
            model = triceras.Sequential([triceras.Input((6,)), layers.Dense(5), layers.Dropout(0.4), layers.Dense(3)])
            x = np.linspace(-1, 1, 60, dtype="float32").reshape(10, 6)
            results.append((model.get_weights(), host(model(x, training=True)), host(model(x, training=True))))
    for weights, once, twice in results[1:]:
        for a, b in zip(weights, results[0][0], strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(once, results[0][1], atol=1e-5)
        np.testing.assert_allclose(twice, results[0][2], atol=1e-5)
        assert not np.allclose(once, twice)


@pytest.mark.parametrize(
    "draw, message",
    [
        (lambda: random.SeedGenerator(-1), "A seed is a non-negative integer, received -1"),
        (lambda: random.SeedGenerator("a"), "A seed is a non-negative integer, received 'a'"),
        (lambda: random.uniform((2,), seed="a"), "A seed is an integer, a SeedGenerator or None, received 'a'"),
        (lambda: random.normal((2,), dtype="int32"), "gives a floating dtype, received dtype='int32'"),
        (lambda: random.randint((2,), 5, 5), "needs minval < maxval, at most 2.*31 apart, received 5 and 5"),
        (lambda: random.randint((2,), 0, 5, dtype="float32"), "gives an integer dtype, received dtype='float32'"),
        (lambda: random.gamma((2,), 1.0, dtype="int32"), "gives a floating dtype, received dtype='int32'"),
        (lambda: random.binomial((2,), 1 << 24, 0.5), r"counts up to 2\*\*24 - 1 trials, received counts=16777216"),
        (lambda: triceras.utils.set_random_seed(-3), r"takes an integer from 0 to 2\*\*32 - 1, received -3"),
    ],
)
def test_misuse(draw: object, message: str) -> None:
    with backend_scope("numpy"), pytest.raises(ValueError, match=message):
        draw()  # type: ignore[operator]
