"""What is measured: the inputs of each workload (the same numbers for every system) and the ratios to reach.

How a system computes a workload is in peers/<system>.py, in the function of the workload's name: it takes the inputs,
does once what a user would do once (make variables, compile), and returns a function of no arguments that does the
work to be timed and returns the result, a list of arrays in the order stated here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

Inputs = dict[str, np.ndarray | float]

# The names under which systems are shown; the first is the one measured against the others.
SYSTEMS = {
    "gradtape": "gradtape",
    "by_hand": "NumPy by hand",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "jax": "JAX jit",
    "autograd": "autograd",
    "asdex": "asdex",
    "casadi": "CasADi",
}
SPARSE = ("gradtape", "by_hand", "asdex", "casadi")
EVERYWHERE = tuple(system for system in SYSTEMS if system not in ("asdex", "casadi"))


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    inputs: Callable[[], Inputs]
    result: str                                             # what the list of arrays holds
    rtol: float = 1e-9                                      # within which all systems must agree, of the largest entry
    targets: dict[str, float] = field(default_factory=dict) # system -> at most this many times its time
    systems: tuple[str, ...] = EVERYWHERE                   # those that have a way to do it
    first: dict[str, float] = field(default_factory=dict)   # system -> at most this many times that of its first call
    limit: float | None = None                              # at most so many seconds
    against: tuple[str, float] | None = None                # of gradtape's time for another workload at most so many
    repetitions: int | None = None                          # fewer than the others, where a call takes seconds


def article() -> Inputs:
    return {"x": 5.0, "y": 2.0}


def chain() -> Inputs:
    return {"x": 0.5}


def mlp() -> Inputs:
    rng = np.random.default_rng(0)
    return {
        "W1": (rng.normal(size=(784, 128)) / 28).astype(np.float32),
        "b1": np.zeros(128, np.float32),
        "W2": (rng.normal(size=(128, 10)) / 11).astype(np.float32),
        "b2": np.zeros(10, np.float32),
        "x": rng.random((128, 784)).astype(np.float32),
        "labels": np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)],
    }


def logistic() -> Inputs:
    rng = np.random.default_rng(1)
    return {
        "w": 0.1 * rng.normal(size=200),
        "X": rng.normal(size=(2000, 200)),
        "y": rng.integers(0, 2, 2000).astype(float),
    }


def elementwise() -> Inputs:
    return {"x": np.random.default_rng(2).normal(size=1_000_000)}


def recurrent() -> Inputs:
    rng = np.random.default_rng(3)
    return {
        "W": rng.normal(size=(32, 32)) / 6,
        "U": rng.normal(size=(32, 32)) / 6,
        "b": 0.1 * rng.normal(size=32),
        "xs": rng.normal(size=(500, 32)),
    }


def rosenbrock() -> Inputs:
    rng = np.random.default_rng(4)
    return {"x": rng.normal(size=1000), "v": rng.normal(size=1000)}


def dense_jacobian() -> Inputs:
    rng = np.random.default_rng(5)
    return {"A": rng.normal(size=(200, 200)) / 14, "x": rng.normal(size=200)}


def taylor() -> Inputs:
    return {"x": 0.7}


def network(inputs: int, seed: int) -> Inputs:
    """Weights of a network with two hidden layers of 64."""
    rng = np.random.default_rng(seed)
    sizes = [inputs, 64, 64, 1]
    weights = {}
    for i, (m, n) in enumerate(pairwise(sizes), 1):
        weights |= {f"W{i}": rng.normal(size=(m, n)) / np.sqrt(m), f"b{i}": 0.1 * rng.normal(size=n)}
    return weights


def taylor_network() -> Inputs:
    return network(1, 6) | {"x": np.random.default_rng(7).normal(size=(1000, 1))}


def laplacian() -> Inputs:
    return network(3, 8) | {"x": np.random.default_rng(9).normal(size=(256, 3))}


def layers() -> Inputs:
    rng = np.random.default_rng(10)
    return {
        "x": rng.normal(size=(512, 64)),
        "W": rng.normal(size=(24, 64, 64)) / 16,
        "b": 0.1 * rng.normal(size=(24, 64)),
    }


def sparse_rosenbrock() -> Inputs:
    return {"x": np.random.default_rng(10).normal(size=100_000)}


def brusselator() -> Inputs:
    side = BRUSSELATOR[0]
    return {"w": np.random.default_rng(11).random(2 * side * side)}


WORKLOADS = [
    Workload(
        "article_gradient",
        "article: gradient of 2x³ + 11x + 5y² + 5",
        article,
        "∂f/∂x, ∂f/∂y",
        targets={"torch": 0.35, "tensorflow": 0.04},
    ),
    Workload(
        "article_second_order",
        "article: second order, one tape, in its context",
        article,
        "both first and all four second derivatives of 2x³ + 5y² + 11xy + 5",
        targets={"torch": 0.6, "tensorflow": 0.04},
    ),
    Workload(
        "sin_chain",
        "chain of 1000 sin on a scalar",
        chain,
        "the derivative",
        targets={"torch": 0.35, "tensorflow": 0.04},
    ),
    Workload(
        "mlp_gradient",
        "MLP 784-128-10, batch 128, float32",
        mlp,
        "gradients of the mean cross entropy in W1, b1, W2, b2; tanh in between",
        rtol=1e-4,
        targets={"by_hand": 1.25, "torch": 1.1},
    ),
    Workload(
        "mlp_double_backprop",
        "the same with input gradient regularisation",
        mlp,
        "gradients of mean over i of Lᵢ + 0.1 |∂Lᵢ/∂xᵢ|²",
        rtol=1e-4,
        targets={"torch": 1.2},
    ),
    Workload(
        "logistic_hessian",
        "Hessian of logistic regression, 2000 × 200",
        logistic,
        "the Hessian of Σ softplus(Xw) - y Xw",
        targets={"torch": 0.5},
    ),
    Workload(
        "elementwise_million",
        "Σ tanh(x) exp(-x²), a million doubles",
        elementwise,
        "the gradient",
        targets={"by_hand": 1.15},
    ),
    Workload(
        "recurrent_500",
        "recurrent net, 500 steps of a 32-vector",
        recurrent,
        "gradients of |h₅₀₀|², h ← tanh(W h + U x_t + b), in W, U, b",
        targets={"torch": 0.5},
    ),
    Workload(
        "rosenbrock_hvp",
        "Hessian-vector product, Rosenbrock n = 1000",
        rosenbrock,
        "H v",
        targets={"autograd": 0.5},
    ),
    Workload(
        "dense_jacobian",
        "dense Jacobian of tanh(A sin x), 200 × 200",
        dense_jacobian,
        "the Jacobian",
    ),
    Workload(
        "taylor_12",
        "12 derivatives of exp(sin x) tanh x (JAX: jet, not compiled)",
        taylor,
        "derivatives 1 to 12, as an array",
        targets={"jax": 0.25},
        first={"jax": 0.001},
        systems=("gradtape", "by_hand", "jax"),
    ),
    Workload(
        "taylor_20",
        "20 derivatives of the same",
        taylor,
        "derivatives 1 to 20, as an array",
        rtol=1e-8,
        limit=1.5e-3,
        systems=("gradtape", "by_hand", "jax"),
    ),
    Workload(
        "taylor_network",
        "8 derivatives of a network 1-64-64-1 at 1000 points (JAX: jet)",
        taylor_network,
        "the 8th derivative at each point; tanh in between",
        targets={"jax": 1.0},
        systems=("gradtape", "by_hand", "jax"),
    ),
    Workload(
        "laplacian",
        "Laplacian of a network 3-64-64-1 at 256 points",
        laplacian,
        "the trace of the Hessian at each point; tanh in between",
        targets={"torch": 0.6, "jax": 1.2},
        systems=("gradtape", "by_hand", "torch", "jax"),
        against=("network", 3 + 2.5),
    ),
    Workload(
        "network",
        "the same network's values at 256 points, no derivative",
        laplacian,
        "the value at each point",
        systems=("gradtape", "by_hand", "torch", "jax"),
    ),
    Workload(
        "checkpointed_layers",
        "24 layers x + tanh(x W + b), each checkpointed, 512 × 64",
        layers,
        "gradients of Σ x² after the last in W and b, each layer computed twice",
        targets={"torch": 1.1},
        systems=("gradtape", "by_hand", "torch", "tensorflow", "jax"),
    ),
    Workload(
        "recurrent_in_slots",
        "recurrent net of 500 steps with 25 states kept (others: two levels)",
        recurrent,
        "the gradients of recurrent_500",
        systems=("gradtape", "by_hand", "torch", "jax"),
    ),
    Workload(
        "rosenbrock_pattern",
        "sparse Hessian, Rosenbrock n = 100,000: pattern and colours",
        sparse_rosenbrock,
        "indices and row starts in CSR format",
        targets={"asdex": 0.5},
        systems=SPARSE,
        repetitions=3,
    ),
    Workload(
        "rosenbrock_hessian",
        "the same, evaluated (asdex: compiled)",
        sparse_rosenbrock,
        "the non-zeros in CSR order",
        targets={"asdex": 3.0, "casadi": 1.0},
        systems=SPARSE,
    ),
    Workload(
        "brusselator_pattern",
        "sparse Jacobian, Brusselator on 2 × 224 × 224: pattern and colours",
        brusselator,
        "indices and row starts in CSR format",
        targets={"asdex": 0.5},
        systems=SPARSE,
        repetitions=3,
    ),
    Workload(
        "brusselator_jacobian",
        "the same, evaluated (asdex: compiled)",
        brusselator,
        "the non-zeros in CSR order",
        targets={"asdex": 3.0, "casadi": 1.0},
        systems=SPARSE,
    ),
]
BY_NAME = {workload.name: workload for workload in WORKLOADS}
PENALTY = 0.1           # of mlp_double_backprop
CHAIN = 1000            # length of sin_chain
SLOTS = 25              # of recurrent_in_slots
ORDERS = {"taylor_12": 12, "taylor_20": 20, "taylor_network": 8}
BRUSSELATOR = (224, 3.4, 1.0, 2.0)                      # cells a side, A, B, and the diffusion over the cells' area
