"""Derivatives of the first to the ninth order from one persistent tape.

For f(x) = exp(2x) the nth derivative is 2ⁿ exp(2x), so each order can be checked by hand.
"""

import math

import gradtape as gt


def main() -> None:
    x = gt.Variable(0.5)

    with gt.GradientTape(persistent=True) as tape:
        derivative = gt.exp(2 * x)
        for order in range(1, 10):
            derivative = tape.gradient(derivative, x)       # recorded as well, so that it can be differentiated again
            expected = 2**order * math.exp(1.0)
            print(f"order {order}: {derivative.item():12.6f}   2^{order} e = {expected:12.6f}")
            assert math.isclose(derivative.item(), expected, rel_tol=1e-13)


if __name__ == "__main__":
    main()
