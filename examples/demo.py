"""What `make demo` shows: the article's two programs, a Hessian, and a network that resists perturbation."""

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")          # on small matrices more threads only wait for each other

import numpy as np

import article
import gradtape as gt
import robust_digits


def hessian_of_second_function() -> None:
    def f(p):
        x, y = p
        return 2 * x**3 + 5 * y**2 + 11 * x * y + 5

    hessian = gt.hessian(f)(np.array([5.0, 2.0]))
    print(np.asarray(hessian))
    assert np.array_equal(hessian, [[60.0, 11.0], [11.0, 10.0]])


def title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="out", help="folder for the picture")
    parser.add_argument("--epochs", type=int, default=robust_digits.EPOCHS)
    arguments = parser.parse_args()
    start = time.perf_counter()

    title("1. Partial derivatives, first and second order")
    article.main()
    title("2. The Hessian of the second function at (5, 2)")
    hessian_of_second_function()
    title("3. Handwritten digits: a penalty on the input gradient (double backpropagation)")
    robust_digits.run(arguments.out, arguments.epochs)
    print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
