"""Batch sizes, budgets of bytes, refusals of what does not fit into memory, and predictions of cost."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.arrays import memory

Function = Callable[[Any], Any]
MB = 1_000_000
rng = np.random.default_rng(0)
A = rng.normal(size=(400, 400)) / 20
B = rng.normal(size=(1000, 300)) / 20


def traced(work: Callable[[], Any]) -> tuple[Any, int]:
    """What work() gives, and the peak of memory above the level before: the smaller of two, for threads that other
    tests have left may allocate, too."""
    peaks, result = [], None
    for _ in range(2):
        result = None
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            result = work()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
    return result, min(peaks)


def vector(n: int) -> Any:
    return gt.asarray(np.linspace(-1.0, 1.3, n))


def rosenbrock(x: Any) -> Any:
    return gt.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def recurrent(x: Any) -> Any:
    for _ in range(12):
        x = gt.tanh(A[:200, :200] @ x)
    return x


VECTORS: dict[str, tuple[Function, int]] = {
    "elementwise": (lambda x: gt.tanh(x) * gt.exp(-x * x) + gt.where(x > 0, gt.sqrt(gt.abs(x)), x), 500),
    "matrix product": (lambda x: gt.tanh(A @ gt.sin(x)), 400),
    "softmax": (lambda x: gt.nn.softmax(A @ x) * x, 400),
    "solve": (lambda x: gt.linalg.solve(A[:80, :80] + gt.diag(x + 3), gt.exp(x)), 80),
    "reductions": (lambda x: gt.cumsum(x) * gt.sum(x * x) + gt.max(x), 500),
    "recurrent": (recurrent, 200),
    "indexing": (lambda x: gt.sort(x * x)[::-1][:300] * x[np.arange(300) % 7], 500),
}
SCALARS: dict[str, tuple[Function, int]] = {
    "rosenbrock": (rosenbrock, 500),
    "logistic": (lambda x: gt.sum(gt.log1p(gt.exp(B @ x))) + gt.sum(x**4), 300),
    "network": (lambda x: gt.logsumexp(gt.tanh(B[:100, :20] @ x.reshape(20, 20)) @ x[:20]), 400),
}


# -- budgets -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("name", VECTORS)
def test_a_jacobian_keeps_to_its_budget(name: str, mode: str, share: float) -> None:
    f, n = VECTORS[name]
    keeps(lambda **budget: gt.jacobian(f, mode=mode, **budget)(vector(n)), share)


@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("name", SCALARS)
def test_a_hessian_keeps_to_its_budget(name: str, share: float) -> None:
    f, n = SCALARS[name]
    keeps(lambda **budget: gt.hessian(f, **budget)(vector(n)), share)
    keeps(lambda **budget: gt.hessian_diagonal(f, vector(n), **budget), share)


def keeps(derivative: Callable[..., Any], share: float) -> None:
    """A budget between the least and what the whole takes is kept, and the result is the same."""
    whole, most = traced(derivative)
    least = 1.1 * whole.nbytes + MB
    budget = int(least + share * max(0, most - least))
    result, peak = traced(lambda: derivative(memory=budget))
    assert np.allclose(result.numpy(), whole.numpy(), rtol=1e-12, atol=1e-13)
    assert peak <= budget, f"{peak} bytes of a budget of {budget}; the whole takes {most}"


def test_a_budget_is_used() -> None:
    """Most of it: one direction at a time would keep any budget."""
    f, n = VECTORS["matrix product"]
    _, most = traced(lambda: gt.jacobian(f)(vector(n)))
    _, peak = traced(lambda: gt.jacobian(f, memory=3 * most // 4)(vector(n)))
    assert peak > most // 4


@pytest.mark.parametrize("shape", [(120,), (400, 3), (6, 100)])
def test_a_laplacian_keeps_to_its_budget(shape: tuple[int, ...]) -> None:
    w, v = rng.normal(size=(64, shape[-1])) / 8, rng.normal(size=(64, 64)) / 8
    f: Function = lambda x: gt.sum(gt.tanh(v @ gt.tanh(w @ x))) + gt.prod(x[:2]) ** 2
    x = gt.asarray(rng.normal(size=shape))
    whole, most = traced(lambda: gt.laplacian(f)(x))
    for budget in (3 * most, most, 300_000):
        result, peak = traced(lambda: gt.laplacian(f, memory=budget)(x))  # noqa: B023
        assert peak <= budget, f"{peak} bytes of a budget of {budget}; the whole takes {most}"
        assert np.allclose(result.numpy(), whole.numpy(), rtol=1e-10)
    for size in (7, 500, 10**6):
        assert np.allclose(gt.laplacian(f, batch_size=size)(x).numpy(), whole.numpy(), rtol=1e-10)


def test_tapes_keep_to_their_budgets() -> None:
    x = vector(500)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = gt.tanh(A[:500, :400] @ x[:400]) * gt.sum(x)
        z = rosenbrock(x)
    for ask in (
        lambda **budget: tape.jacobian(y, x, **budget),
        lambda **budget: tape.hessian(z, x, **budget),
    ):
        keeps(ask, 0.2)


def test_blocks_of_a_tapes_hessian_keep_to_one_budget() -> None:
    x, y = vector(300), vector(200)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        z = gt.sum(gt.sin(x)) ** 2 * gt.sum(y**3)
    whole = tape.hessian(z, [x, y])
    blocks, peak = traced(lambda: tape.hessian(z, [x, y], memory="5 MB"))
    assert peak <= 5 * MB
    for row, others in zip(blocks, whole, strict=True):
        for block, other in zip(row, others, strict=True):
            assert np.allclose(block.numpy(), other.numpy(), rtol=1e-12)


def test_a_tape_that_answers_once_answers_in_batches() -> None:
    for size in (1, 3, 4, 100):
        x = gt.Variable([1.0, 2.0, 3.0, 4.0])
        with gt.GradientTape() as tape:
            y = x * x[::-1]
        jacobian = tape.jacobian(y, x, batch_size=size)
        assert jacobian.tolist() == [[4.0, 0, 0, 1], [0, 3, 2, 0], [0, 3, 2, 0], [4, 0, 0, 1]]
        with pytest.raises(RuntimeError, match="answers once"):
            tape.jacobian(y, x)


def test_batches_of_several_outputs_and_inputs() -> None:
    """Outputs that depend on some of the inputs only; rows of one output alone in a batch."""
    f = lambda x, y: {"both": x * y, "first": x**2, "none": gt.ones(2)}
    x, y = gt.asarray([1.0, 2.0]), gt.asarray([3.0, 5.0])
    whole = gt.jacobian(f, argnums=(0, 1))(x, y)
    for mode in ("forward", "reverse"):
        for bound in ({"batch_size": 1}, {"batch_size": 3}, {"memory": "1 MB"}):
            parts = gt.jacobian(f, argnums=(0, 1), mode=mode, **bound)(x, y)  # type: ignore[arg-type]
            for name in whole:
                for part, other in zip(parts[name], whole[name], strict=True):
                    assert part.tolist() == other.tolist()


def test_batches_are_differentiated_through() -> None:
    """What an outer tape follows is recorded, chunk by chunk."""
    x = gt.asarray([0.3, 0.5, 0.7])
    f = lambda bound: lambda x: gt.sum(gt.jacobian(lambda x: gt.sin(x) * gt.sum(x), **bound)(x) ** 3)
    whole = gt.grad(f({}))(x).numpy()
    for bound in ({"batch_size": 2}, {"memory": "1 MB"}, {"batch_size": 2, "mode": "forward"}):
        assert np.allclose(gt.grad(f(bound))(x).numpy(), whole, rtol=1e-13)


def test_other_libraries_have_budgets() -> None:
    strict = pytest.importorskip("array_api_strict")
    x = gt.asarray(strict.asarray([0.1, 0.2, 0.4]))
    f: Function = lambda x: gt.sum(gt.exp(x)) * gt.sum(x**3)
    assert np.allclose(gt.hessian(f, memory="1 MB")(x).numpy(), gt.hessian(f)(x).numpy(), rtol=1e-13)
    assert np.allclose(
        gt.jacobian(gt.sin, memory="1 MB", mode="forward")(x).numpy(), np.diag(np.cos([0.1, 0.2, 0.4])), rtol=1e-13
    )


# -- what does not fit ---------------------------------------------------------------------------------------------
def test_a_hessian_that_does_not_fit_is_refused_before_anything_runs() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return gt.sum(x**2)

    with gt.memory_limit("1 GB"):
        x = gt.zeros(20_000)
        with pytest.raises(gt.NotEnoughMemoryError) as caught:
            _, peak = traced(lambda: gt.hessian(f)(x))
    assert not calls
    message = str(caught.value)
    for part in ("gradtape.hessian", "20000 elements", "3.2 GB", "1 GB", "hvp", "hessian_diagonal", "sparse=True"):
        assert part in message
    assert "batch_size" in message
    assert isinstance(caught.value, MemoryError)


def test_without_a_limit_the_machine_says_what_fits() -> None:
    """No machine has the 80 terabytes of this one."""
    if memory.available() is None:
        pytest.skip("this system does not tell")
    with pytest.raises(gt.NotEnoughMemoryError, match=r"takes 72 TB.*hvp"):
        gt.hessian(gt.sum)(gt.zeros(3_000_000))


@pytest.mark.parametrize("mode", ["auto", "reverse", "forward"])
def test_a_jacobian_that_does_not_fit_is_refused(mode: str) -> None:
    x = vector(1000)
    with gt.memory_limit("7 MB"), pytest.raises(gt.NotEnoughMemoryError, match=r"takes 8 MB, and 7 MB .*jvp.*sparse"):
        gt.jacobian(lambda x: x * gt.sum(x), mode=mode)(x)
    with gt.memory_limit("7 MB"):  # products do
        assert gt.vjp(lambda x: x * gt.sum(x), x)[1](x)[0].shape == (1000,)


def test_work_that_does_not_fit_is_refused_and_a_batch_size_named_that_does() -> None:
    x = vector(1000)
    f: Function = lambda x: gt.tanh(x) * gt.exp(x) * gt.sum(x)
    with gt.memory_limit("20 MB"):
        with pytest.raises(gt.NotEnoughMemoryError, match="batch_size") as caught:
            gt.jacobian(f)(x)
        named = int(str(caught.value).split("batch_size=")[1].split()[0])
        result, peak = traced(lambda: gt.jacobian(f, batch_size=named)(x))
        assert 8 * MB < peak < 20 * MB and named > 50
        with pytest.raises(gt.NotEnoughMemoryError):
            gt.jacobian(f, batch_size=3 * named)(x)
        assert np.allclose(gt.jacobian(f, memory="15 MB")(x).numpy(), result.numpy())
    assert np.allclose(gt.jacobian(f)(x).numpy(), result.numpy())


def test_a_solve_per_row_is_seen_before_it_runs() -> None:
    """The Jacobian is small, and each of its rows takes a matrix."""
    f: Function = lambda x: gt.linalg.solve(A + gt.diag(x + 3), x)
    with gt.memory_limit("200 MB"), pytest.raises(gt.NotEnoughMemoryError, match=r"400 directions at once, takes [12]"):
        gt.jacobian(f)(vector(400))


def test_diagonals_and_laplacians_are_refused() -> None:
    x = gt.asarray(rng.normal(size=(100, 500)))
    with gt.memory_limit("5 MB"):
        with pytest.raises(gt.NotEnoughMemoryError, match=r"at 100 points.*batch_size=.*laplacian_estimate"):
            gt.laplacian(rosenbrock)(x)
        with pytest.raises(gt.NotEnoughMemoryError, match=r"diagonal.*256 directions.*batch_size="):
            gt.hessian_diagonal(lambda x: gt.sum(x) ** 3, vector(5000))


def test_a_tape_that_refuses_can_be_asked_again() -> None:
    x = gt.Variable(np.linspace(0, 1, 300))
    with gt.GradientTape() as tape:
        y = gt.sin(x) * gt.sum(x)
    with gt.memory_limit("500 kB"), pytest.raises(gt.NotEnoughMemoryError, match=r"GradientTape.jacobian"):
        tape.jacobian(y, x)
    with pytest.raises(gt.NotEnoughMemoryError, match=r"GradientTape.jacobian.*memory='0.1 MB'"):
        tape.jacobian(y, x, memory="0.1 MB")
    assert tape.jacobian(y, x).shape == (300, 300)
    with gt.GradientTape() as tape:
        z = gt.sum(gt.sin(x))
    with gt.memory_limit("500 kB"), pytest.raises(gt.NotEnoughMemoryError, match=r"GradientTape.hessian.*hvp"):
        tape.hessian(z, x)
    assert tape.hessian(z, x).shape == (300, 300)


def test_a_batch_of_examples_counts() -> None:
    x = gt.asarray(rng.normal(size=(200, 100)))
    with gt.memory_limit("10 MB"), pytest.raises(gt.NotEnoughMemoryError, match="takes 16 MB"):
        gt.vmap(gt.hessian(rosenbrock))(x)


def test_too_small_a_budget_says_what_is_needed() -> None:
    with pytest.raises(gt.NotEnoughMemoryError, match=r"memory='600 kB' is too little.*500 kB.*at a time .* in all"):
        gt.jacobian(recurrent_of_250, memory="600 kB")(vector(250))


def recurrent_of_250(x: Any) -> Any:
    return gt.linalg.solve(A[:250, :250] + gt.diag(x + 3), x)


# -- limits and amounts --------------------------------------------------------------------------------------------
def test_limits_nest_and_end() -> None:
    def refused() -> bool:
        try:
            gt.hessian(lambda x: gt.sum(x**2))(gt.zeros(100))
        except gt.NotEnoughMemoryError:
            return True
        return False

    with gt.memory_limit(50_000):
        assert refused()
        with gt.memory_limit("10 MB"):
            assert not refused()
        assert refused()
        with pytest.raises(ZeroDivisionError), gt.memory_limit("10 MB"):
            raise ZeroDivisionError
        assert refused()
    assert not refused()


def test_a_limit_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADTAPE_MEMORY_LIMIT", "50 kB")
    with pytest.raises(gt.NotEnoughMemoryError, match="50 kB"):
        gt.hessian(lambda x: gt.sum(x**2))(gt.zeros(100))
    monkeypatch.setenv("GRADTAPE_MEMORY_LIMIT", "a lot")
    with pytest.raises(ValueError, match=r"GRADTAPE_MEMORY_LIMIT.*'a lot'"):
        gt.hessian(lambda x: gt.sum(x**2))(gt.zeros(100))


def test_what_is_available_is_what_the_least_of_all_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n",
        "/proc/self/cgroup": "0::/outer/inner\n",
        "/sys/fs/cgroup/outer/memory.max": "6000000000\n",
        "/sys/fs/cgroup/outer/memory.current": "2000000000\n",
        "/sys/fs/cgroup/outer/memory.stat": "anon 5\ninactive_file 500000000\n",
        "/sys/fs/cgroup/outer/inner/memory.max": "max\n",
        "/sys/fs/cgroup/outer/inner/memory.current": "1000\n",
    }
    monkeypatch.setattr(memory, "read", lambda path: files.get(path, ""))
    assert memory.of_machine() == 8_192_000_000
    assert memory.of_control_group() == 4_500_000_000
    assert memory.available() == 4_500_000_000
    files["/proc/self/cgroup"] = "4:memory:/job\n1:cpu:/\n"
    files |= {f"/sys/fs/cgroup/memory/memory.{name}": "9223372036854771712" for name in ("limit_in_bytes",)}
    assert memory.of_control_group() is None
    files["/sys/fs/cgroup/memory/job/memory.limit_in_bytes"] = "3000"
    files["/sys/fs/cgroup/memory/job/memory.usage_in_bytes"] = "1000"
    assert memory.available() == 2000


def test_this_machine_tells() -> None:
    known = memory.available()
    if known is None:
        pytest.skip("this system does not tell")
    assert MB < known < 1 << 50


@pytest.mark.parametrize(
    ("amount", "nbytes"),
    [(1000, 1000), (2.5e6, 2_500_000), ("200 MB", 200 * MB), ("1.5GiB", 3 << 29), ("64 k", 64_000), ("7", 7),
     ("3 tb", 3 * 10**12), (np.int64(12), 12)],
)  # fmt: skip
def test_amounts(amount: Any, nbytes: int) -> None:
    assert memory.bytes_of(amount, "memory") == nbytes


def test_amounts_in_words() -> None:
    words = [memory.in_words(n) for n in (12, 999, 1000, 8_000_000, 999_600, 123_456_789, 8e18)]
    assert words == ["12 bytes", "999 bytes", "1 kB", "8 MB", "1 MB", "123 MB", "8,000,000 TB"]


@pytest.mark.parametrize("amount", ["much", "12 apples", "-3 MB", 0, -5, float("nan"), float("inf"), ""])
def test_no_amounts(amount: Any) -> None:
    x = gt.asarray([1.0, 2.0])
    for call in (
        lambda: gt.jacobian(gt.sin, memory=amount)(x),
        lambda: gt.hessian(gt.sum, memory=amount)(x),
        lambda: gt.hessian_diagonal(gt.sum, x, memory=amount),
        lambda: gt.laplacian(gt.sum, memory=amount)(x),
        lambda: gt.memory_limit(amount).__enter__(),
    ):
        with pytest.raises(ValueError, match="must be"):
            call()


@pytest.mark.parametrize("amount", [None, [1], True, 1j])
def test_what_is_no_amount_at_all(amount: Any) -> None:
    with pytest.raises(TypeError, match="must be bytes"):
        gt.memory_limit(amount).__enter__()


@pytest.mark.parametrize("size", [0, -1, 2.5, "3", True])
def test_bad_batch_sizes(size: Any) -> None:
    x = gt.Variable([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        y = x * 2.0
        z = gt.sum(y)
    for call in (
        lambda: gt.jacobian(gt.sin, batch_size=size),
        lambda: gt.hessian(gt.sum, batch_size=size),
        lambda: gt.laplacian(gt.sum, batch_size=size),
        lambda: gt.hessian_diagonal(lambda x: gt.sum(x**2), x, batch_size=size),
        lambda: tape.jacobian(y, x, batch_size=size),
        lambda: tape.hessian(z, x, batch_size=size),
    ):
        with pytest.raises(ValueError if size in (0, -1) else TypeError, match="batch_size must be a positive int"):
            call()


def test_a_sparse_derivative_has_no_budget() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        gt.jacobian(gt.sin, sparse=True, memory="1 MB")
    with pytest.raises(ValueError, match="batch_size"):
        gt.hessian(gt.sum, sparse=True, memory="1 MB")


def test_series_leave_nothing_behind() -> None:
    """Batch after batch of series would add up until the garbage is collected."""
    x = vector(10)
    f: Function = lambda x: gt.sum(x**4 * gt.exp(x)) + gt.sum(gt.linalg.solve(gt.diag(x) + 3 * gt.eye(10), x))
    for work in (lambda: gt.laplacian(f)(x), lambda: gt.taylor(f, x, x, 5)):
        work()
        gc.collect()
        gc.disable()
        try:
            work()
            assert gc.collect() == 0
        finally:
            gc.enable()


# -- predictions ---------------------------------------------------------------------------------------------------
def measured_modes(f: Function, x: Any, scalar: bool) -> dict[str, Callable[[], Any]]:
    """What cost(f, x) predicts, done."""
    modes: dict[str, Callable[[], Any]] = {
        "jacobian, reverse": lambda: gt.jacobian(f, mode="reverse")(x),
        "jacobian, forward": lambda: gt.jacobian(f, mode="forward")(x),
        "jvp": lambda: gt.jvp(f, (x,), (gt.ones_like(x),)),
    }
    if scalar:
        modes |= {
            "gradient": lambda: gt.grad(f)(x),
            "hvp": lambda: gt.hvp(f, x, gt.ones_like(x)),
            "hessian": lambda: gt.hessian(f)(x),
            "hessian diagonal": lambda: gt.hessian_diagonal(f, x),
            "laplacian": lambda: gt.laplacian(f)(x),
        }
    return modes


@pytest.mark.parametrize("name", ["elementwise", "softmax", "solve", "indexing", "rosenbrock", "network"])
def test_memory_is_predicted(name: str) -> None:
    """Within a factor of 1.5, where arrays and not Python's objects make it up."""
    f, n = {**VECTORS, **SCALARS}[name]
    x = vector(n)
    c = gt.cost(f, x, sparse=False)
    checked = 0
    for mode, work in measured_modes(f, x, name in SCALARS).items():
        _, peak = traced(work)
        predicted = c[mode].memory
        assert predicted is not None and predicted < 1.5 * peak + 200_000, (mode, predicted, peak)
        if peak > MB:
            assert predicted > peak / 1.5, (mode, predicted, peak)
            checked += 1
    assert checked >= 1


def test_elements_are_counted() -> None:
    """Of sum(sin(x) x): three operations forward; a Hessian is n products with it."""
    n = 2000
    c = gt.cost(lambda x: gt.sum(gt.sin(x) * x), gt.ones(n), sparse=False)
    assert (c.inputs, c.outputs, c.operations) == (n, 1, 3)
    assert c["value"].elements == 2 * n + 1
    assert c.kept == 2 * n * 8 - n * 8  # sin(x), and x, which is the input
    assert [c[name].directions for name in ("value", "gradient", "hvp", "hessian")] == [0, 1, 1, n]
    hvp, hessian, gradient = c["hvp"].elements, c["hessian"].elements, c["gradient"].elements
    assert hvp is not None and hessian is not None and gradient is not None
    assert 2 * n < gradient < 10 * n < 2 * hvp < 100 * n
    assert n * n < hessian < 30 * n * n
    assert c["hessian diagonal"].elements == hessian
    seconds = [mode.seconds for mode in c]
    assert all(s is not None and s > 0 for s in seconds)
    assert c["hessian"].seconds > c["hvp"].seconds  # type: ignore[operator]


def test_nothing_large_runs() -> None:
    """The Hessian and its computation take gigabytes and minutes."""
    n = 40_000
    x = vector(n)
    with gt.memory_limit("4 GB"):
        c, peak = traced(lambda: gt.cost(rosenbrock, x))
    assert peak < 200 * MB
    assert c["hessian"].memory > n * n * 8  # type: ignore[operator]
    assert "more than the 4 GB available" in str(c)
    assert "hessian, sparse" not in c.modes


def test_a_table() -> None:
    lines = str(gt.cost(rosenbrock, vector(300))).splitlines()
    assert lines[0].startswith("300 inputs, 1 output; 11 operations recorded, which keep ")
    assert lines[1].split() == ["directions", "time", "peak", "memory"]
    names = ["value", "gradient", "jacobian, reverse", "jvp", "jacobian, forward", "hvp", "hessian", "hessian diagonal"]
    names += ["laplacian"]
    for line, name in zip(lines[2:], names, strict=False):
        assert line.startswith(name)
        assert line.rstrip().endswith(("B", "bytes")), line


def test_a_sparse_hessian_is_seen() -> None:
    pytest.importorskip("scipy")
    c = gt.cost(rosenbrock, vector(300))
    assert c["hessian, sparse"].directions == 3
    assert c["hessian, sparse"].memory < c["hessian"].memory / 10  # type: ignore[operator]
    assert "898 entries, 3 colours" in c["hessian, sparse"].note
    dense = gt.cost(lambda x: gt.sum(x) ** 2, vector(50))
    assert "not sparse" in dense["hessian, sparse"].note
    branching = gt.cost(lambda x: x**2 if x[0] > 0 else x**3, vector(50))
    assert "no pattern" in branching["jacobian, sparse"].note
    jacobian = gt.cost(lambda x: x[1:] * x[:-1], vector(300), sparse=True)
    assert jacobian["jacobian, sparse"].directions == 2
    with pytest.raises(ValueError, match="sparse=True is for a real vector"):
        gt.cost(lambda x: x**2, gt.ones((2, 2)), sparse=True)


def test_what_would_take_too_long_is_not_tried() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        for _ in range(200):
            x = gt.sin(x)
        return gt.sum(x)

    c = gt.cost(f, vector(10), seconds=1e-6)
    assert len(calls) < 15
    assert c["value"].seconds is not None
    for name in ("gradient", "hvp", "hessian", "laplacian"):
        assert c[name].seconds is None and c[name].memory is None
        assert "seconds=1e-06" in c[name].note
    assert "not tried" in str(c)
    with gt.memory_limit("10 kB"):
        assert "the tape keeps" in gt.cost(f, vector(10))["hessian"].note


def test_containers_further_arguments_and_constants() -> None:
    c = gt.cost(lambda p, k: {"a": p["w"] * k, "b": gt.sum(p["v"])}, {"w": gt.ones(3), "v": gt.ones((2, 2))}, 2.0)
    assert (c.inputs, c.outputs) == (7, 4)
    assert list(c.modes) == ["value", "vjp", "jacobian, reverse", "jvp", "jacobian, forward"]
    constant = gt.cost(lambda x: 3.0, gt.ones(2))
    assert constant.operations == 0 and constant["hessian"].directions == 2
    assert gt.cost(lambda x: gt.sum(x), gt.ones(0)).inputs == 0
    z = gt.ones(5, dtype=gt.complex128)
    assert gt.cost(lambda z: gt.sum(gt.abs(z * z)), z)["jacobian, forward"].directions == 5


def test_a_mask_has_a_cost() -> None:
    c = gt.cost(lambda x: gt.sum(x[x > 0] ** 2) * gt.sum(x), np.array([1.0, -2.0, 3.0]))
    for name in ("value", "gradient", "jvp", "hvp", "hessian", "laplacian"):
        assert c[name].seconds > 0
        assert c[name].memory > 0


def test_tapes_that_look_on_record_nothing() -> None:
    x = gt.Variable([1.0, 2.0])
    with gt.GradientTape(persistent=True) as tape:
        before = len(tape._trace.slots)  # type: ignore[union-attr]
        gt.cost(lambda x: gt.sum(x**3), x)
        assert len(tape._trace.slots) <= before + 2  # type: ignore[union-attr]
        y = gt.sum(x**2)
    assert tape.gradient(y, x).tolist() == [2.0, 4.0]


def test_an_error_of_the_function_is_the_users_own() -> None:
    def f(x: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        gt.cost(f, gt.ones(3))
    assert gt.grad(gt.sum)(gt.ones(2)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("seconds", [0, -1, "1", None, float("nan")])
def test_bad_seconds(seconds: Any) -> None:
    with pytest.raises(ValueError, match="seconds must be a positive number"):
        gt.cost(gt.sum, gt.ones(3), seconds=seconds)


def test_integers_have_no_cost() -> None:
    with pytest.raises(TypeError, match=r"gradtape\.cost: argument 0 has dtype int64"):
        gt.cost(gt.sum, np.arange(3))
    with pytest.raises(KeyError, match="the modes are value"):
        gt.cost(gt.sum, gt.ones(3))["spectrum"]
