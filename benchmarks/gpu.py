"""gradtape on arrays of a GPU beside PyTorch itself: medians of one run. Needs CuPy, and PyTorch with CUDA."""

import statistics
import sys
import time

import numpy as np

import gradtape as gt

try:
    import cupy
    import torch
except ImportError as error:
    sys.exit(f"{error}: this compares on a GPU, and needs CuPy and PyTorch with CUDA")

REPETITIONS = 30


def inputs(batch: int, width: int) -> list[np.ndarray]:
    """W1, b1, W2, b2, x and labels as float32."""
    r = np.random.default_rng(0)
    shapes = [(784, width), (width,), (width, 10), (10,), (batch, 784)]
    arrays = [0.05 * r.standard_normal(shape, dtype=np.float32) for shape in shapes]
    return [*arrays, np.eye(10, dtype=np.float32)[r.integers(0, 10, batch)]]


def on_torch(x: np.ndarray):
    return torch.asarray(x, device="cuda")


def sync() -> None:
    torch.cuda.synchronize()
    cupy.cuda.get_current_stream().synchronize()


def milliseconds(f) -> float:
    """Median time of a call, the device waited for."""
    times = []
    for k in range(REPETITIONS + 5):
        sync()
        start = time.perf_counter()
        f()
        sync()
        if k >= 5:
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def ours(arrays):
    """A gradient of the network's loss by gradtape, on arrays of any library."""
    *weights, x, labels = arrays
    weights, x, labels = [gt.Variable(w) for w in weights], gt.asarray(x), gt.asarray(labels)

    def loss(W1, b1, W2, b2):
        return gt.mean(gt.nn.softmax_cross_entropy_with_logits(labels, gt.tanh(x @ W1 + b1) @ W2 + b2))

    def gradient():
        with gt.GradientTape() as tape:
            value = loss(*weights)
        return tape.gradient(value, weights)

    def penalised():
        with gt.GradientTape() as outer:
            with gt.GradientTape() as inner:
                value = loss(*weights)
            slopes = inner.gradient(value, weights)
            total = value + sum([gt.sum(g * g) for g in slopes])
        return outer.gradient(total, weights)

    return gradient, penalised


def theirs(arrays):
    """The same by PyTorch."""
    *weights, x, labels = arrays
    weights = [w.requires_grad_() for w in weights]

    def loss(W1, b1, W2, b2):
        return torch.nn.functional.cross_entropy(torch.tanh(x @ W1 + b1) @ W2 + b2, labels)

    def gradient():
        return torch.autograd.grad(loss(*weights), weights)

    def penalised():
        value = loss(*weights)
        slopes = torch.autograd.grad(value, weights, create_graph=True)
        return torch.autograd.grad(value + sum([torch.sum(g * g) for g in slopes]), weights)

    return gradient, penalised


def main() -> None:
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, CuPy {cupy.__version__}")
    print("Milliseconds (of PyTorch's time): PyTorch, gradtape on its tensors, gradtape on CuPy arrays; float32")
    for batch, width in ((128, 128), (4096, 1024), (16384, 4096)):
        arrays = inputs(batch, width)
        mine, cupys, peers = (
            ours([on_torch(a) for a in arrays]),
            ours([cupy.asarray(a) for a in arrays]),
            theirs([on_torch(a) for a in arrays]),
        )
        for k, what in enumerate(("gradient", "penalised: gradient of the gradient")):
            want = [w.detach().cpu().numpy() for w in peers[k]()]
            for made in (mine[k](), cupys[k]()):
                for g, w in zip(made, want):
                    error = np.max(np.abs(g.numpy() - w)) / np.max(np.abs(w))
                    assert error < 1e-3, f"{what}: a difference of {error:.1e}"
            reference, a, b = milliseconds(peers[k]), milliseconds(mine[k]), milliseconds(cupys[k])
            name = f"784-{width}-10, {batch} examples: {what}"
            print(f"{name:60s}{reference:8.2f}{a:10.2f} ({a / reference:.2f}){b:10.2f} ({b / reference:.2f})")


if __name__ == "__main__":
    main()
