"""A digit classifier that resists perturbation, because its input gradient was penalised while it learned.

    minimise over the weights   mean over i of   Lᵢ + strength · |∂Lᵢ/∂xᵢ|²

Lᵢ is the cross entropy at image xᵢ. The penalty contains a first derivative, so that its gradient in the weights is a
second one: double backpropagation, one tape inside another. The perturbation is the worst small one to first order:
every pixel is moved by ±epsilon, in the direction in which the loss grows.
"""

import argparse
import os
import pathlib
from dataclasses import dataclass, field
from itertools import pairwise

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")          # on small matrices more threads only wait for each other

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import gradtape as gt

EPSILON = 0.1               # of the pixels' range, which is 0 to 1
STRENGTH = 1.0              # of the penalty
SIZES = (64, 128, 128, 10)
EPOCHS = 60
BATCH = 64


class Network:
    """tanh layers; the last one gives a score to each of the ten digits."""

    def __init__(self, sizes, rng):
        self.layers = [
            (
                gt.Variable((rng.normal(size=(m, n)) / np.sqrt(m)).astype(np.float32)),
                gt.Variable(np.zeros(n, dtype=np.float32)),
            )
            for m, n in pairwise(sizes)
        ]
        self.variables = [variable for layer in self.layers for variable in layer]

    def __call__(self, x):
        *hidden, (W, b) = self.layers
        for V, c in hidden:
            x = gt.tanh(x @ V + c)
        return x @ W + b

    def loss(self, x, labels):
        """The cross entropy, summed over the images."""
        return gt.sum(gt.nn.sparse_softmax_cross_entropy_with_logits(labels, self(x)))

    def input_gradient(self, x, labels):
        """∂L/∂x, an image for each image: an image's loss depends on that image only, so one sweep gives them all."""
        x = gt.asarray(x)
        with gt.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            loss = self.loss(x, labels)
        return tape.gradient(loss, x).numpy()

    def accuracy(self, x, labels):
        return float(np.mean(np.argmax(self(gt.asarray(x)).numpy(), axis=1) == labels))


class Adam:
    """Kingma and Ba's optimiser: steps scaled by running means of the gradient and of its square."""

    def __init__(self, variables, rate=3e-3, beta1=0.9, beta2=0.999, tiny=1e-8):
        self.variables, self.rate, self.beta1, self.beta2, self.tiny = variables, rate, beta1, beta2, tiny
        self.mean = [np.zeros(v.shape, np.float32) for v in variables]
        self.square = [np.zeros(v.shape, np.float32) for v in variables]
        self.steps = 0

    def step(self, gradients):
        self.steps += 1
        rate = self.rate * np.sqrt(1 - self.beta2**self.steps) / (1 - self.beta1**self.steps)
        for variable, gradient, mean, square in zip(self.variables, gradients, self.mean, self.square):
            g = gradient.numpy()
            mean += (1 - self.beta1) * (g - mean)
            square += (1 - self.beta2) * (g * g - square)
            variable.assign_sub(np.float32(rate) * mean / (np.sqrt(square) + np.float32(self.tiny)))


def objective_gradients(network, x, labels, strength):
    """The gradient of the penalised mean loss with respect to the network's variables."""
    x = gt.asarray(x)
    with gt.GradientTape() as tape:
        if strength:
            with gt.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(x)
                loss = network.loss(x, labels)
            slope = inner.gradient(loss, x)
            objective = (loss + strength * gt.sum(slope * slope)) / len(labels)
        else:
            objective = network.loss(x, labels) / len(labels)
    return tape.gradient(objective, network.variables)


def perturbed(network, x, labels, epsilon=EPSILON):
    """The images, each pixel moved by epsilon to where the loss grows (the gradient-sign method)."""
    return np.clip(x + np.float32(epsilon) * np.sign(network.input_gradient(x, labels)), 0, 1)


@dataclass
class Trained:
    name: str
    network: Network
    clean: list[float] = field(default_factory=list)        # test accuracy after each epoch
    attacked: list[float] = field(default_factory=list)     # the same under perturbation


def train(name, data, strength, epochs=EPOCHS, seed=0):
    x_train, x_test, y_train, y_test = data
    rng = np.random.default_rng(seed)
    trained = Trained(name, Network(SIZES, rng))
    network, optimiser = trained.network, Adam(trained.network.variables)
    with tqdm(range(epochs), desc=f"{name:>18}", unit="epoch", ncols=100, mininterval=0.5) as progress:
        for _ in progress:
            order = rng.permutation(len(x_train))
            for start in range(0, len(order) - BATCH + 1, BATCH):
                batch = order[start : start + BATCH]
                optimiser.step(objective_gradients(network, x_train[batch], y_train[batch], strength))
            trained.clean.append(network.accuracy(x_test, y_test))
            trained.attacked.append(network.accuracy(perturbed(network, x_test, y_test), y_test))
            figures = f"test {trained.clean[-1]:.1%}, perturbed {trained.attacked[-1]:.1%}"
            progress.set_postfix_str(figures, refresh=False)
    return trained


def digits():
    """Scikit-learn's 1797 handwritten digits, 8 × 8 pixels scaled to 0..1; 500 of them for the test."""
    bunch = load_digits()
    images = (bunch.data / 16).astype(np.float32)
    return train_test_split(images, bunch.target, test_size=500, random_state=0, stratify=bunch.target)


def draw(plain, robust, data, path):
    """One picture: accuracies while learning and under perturbation; ten digits and both networks' input gradients."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    _, x_test, _, y_test = data
    picked = np.array([np.flatnonzero(y_test == digit)[0] for digit in range(10)])
    x, y = x_test[picked], y_test[picked]
    slopes = [trained.network.input_gradient(x, y) for trained in (plain, robust)]
    colours = ("#c44e52", "#2c6fbb")

    figure = plt.figure(figsize=(11, 8), layout="constrained")
    figure.suptitle("A network trained with and without a penalty on the norm of its input gradient")
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1))

    learning, attack = above.subplots(1, 2, sharey=True, width_ratios=(1.4, 1))
    sizes = np.linspace(0, 2 * EPSILON, 11)
    for trained, colour in zip((plain, robust), colours):
        epochs = np.arange(1, len(trained.clean) + 1)
        learning.plot(epochs, trained.clean, color=colour, label=f"{trained.name}, clean")
        learning.plot(epochs, trained.attacked, "--", color=colour, label=f"{trained.name}, perturbed by ±{EPSILON}")
        accuracies = [trained.network.accuracy(perturbed(trained.network, x_test, y_test, e), y_test) for e in sizes]
        attack.plot(sizes, accuracies, "o-", markersize=4, color=colour, label=trained.name)
    learning.set(title="while learning", xlabel="epoch", ylabel="test accuracy", ylim=(0, 1.03))
    learning.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    learning.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
    attack.set(title="against the network", xlabel="perturbation of each pixel, of its range")
    for axes in (learning, attack):
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", fontsize=9)

    rows = [("digit", x)] + [(f"input gradient,\n{t.name}", s) for t, s in zip((plain, robust), slopes)]
    panels = below.subplots(len(rows), 10)
    for (title, images), row in zip(rows, panels):
        for image, panel in zip(images, row):
            scale = np.abs(image).max()
            style = {"cmap": "gray_r", "vmin": 0, "vmax": 1} if title == "digit" else {
                "cmap": "RdBu_r", "vmin": -scale, "vmax": scale
            }
            panel.imshow(image.reshape(8, 8), **style)
            panel.set(xticks=[], yticks=[])
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
    below.supxlabel("red: more ink raises the loss there, blue: it lowers it; each scaled to its largest entry", size=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def report(trained, data):
    _, x_test, _, y_test = data
    slope = np.sqrt(np.mean(np.sum(trained.network.input_gradient(x_test, y_test) ** 2, axis=1)))
    print(f"{trained.name:>18}   {trained.clean[-1]:6.1%}   {trained.attacked[-1]:14.1%}   {slope:15.3f}", flush=True)


def run(out, epochs=EPOCHS):
    """Train both networks, print their figures, draw the picture. Returns (plain, robust)."""
    data = digits()
    plain = train("no penalty", data, strength=0.0, epochs=epochs)
    robust = train("gradient penalty", data, strength=STRENGTH, epochs=epochs)
    print(f"{'':>18}    clean   perturbed ±{EPSILON}   |∂L/∂x| (r.m.s.)")
    report(plain, data)
    report(robust, data)
    path = pathlib.Path(out) / "robust_digits.png"
    draw(plain, robust, data, path)
    print(f"picture: {path}")
    return plain, robust


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="out", help="folder for the picture")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    plain, robust = run(arguments.out, arguments.epochs)
    assert robust.attacked[-1] > plain.attacked[-1] + 0.1, "the penalty should have made the network more robust"


if __name__ == "__main__":
    main()
