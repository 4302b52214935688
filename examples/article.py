"""First and second partial derivatives of a function of two variables, with one tape.

Written with TensorFlow's names: put `import tensorflow as tf` in place of the import below and it prints the same.
"""

import gradtape.tf as tf


def first_order() -> None:
    """f(x, y) = 2x³ + 11x + 5y² + 5 at (5, 2): ∂f/∂x = 6x² + 11, ∂f/∂y = 10y."""
    x = tf.Variable(5.0)
    y = tf.Variable(2.0)

    with tf.GradientTape() as tape:
        f = 2 * x**3 + 11 * x + 5 * y**2 + 5

    df_dx, df_dy = tape.gradient(f, [x, y])

    print(f"Partial derivative of f with respect to x: {df_dx.numpy()}")
    print(f"Partial derivative of f with respect to y: {df_dy.numpy()}")


def second_order() -> None:
    """f(x, y) = 2x³ + 5y² + 11xy + 5 at (5, 2): gradients taken inside the tape's context are recorded by it too."""
    x = tf.Variable(5.0)
    y = tf.Variable(2.0)

    with tf.GradientTape(persistent=True) as tape:
        f = 2 * x**3 + 5 * y**2 + 11 * x * y + 5
        df_dx = tape.gradient(f, x)
        df_dy = tape.gradient(f, y)

        d2f_dx2 = tape.gradient(df_dx, x)
        d2f_dy2 = tape.gradient(df_dy, y)
        d2f_dxdy = tape.gradient(df_dx, y)
        d2f_dydx = tape.gradient(df_dy, x)

    print(f"Partial derivative of f w.r.t. x: {df_dx.numpy()}")
    print(f"Partial derivative of f w.r.t. y: {df_dy.numpy()}")
    print(f"Second-order derivative of f w.r.t. x (d^2f/dx^2): {d2f_dx2.numpy()}")
    print(f"Second-order derivative of f w.r.t. y (d^2f/dy^2): {d2f_dy2.numpy()}")
    print(f"Mixed derivative (d^2f/dxdy): {d2f_dxdy.numpy()}")
    print(f"Mixed derivative (d^2f/dydx): {d2f_dydx.numpy()}")


def main() -> None:
    first_order()
    second_order()


if __name__ == "__main__":
    main()
