"""Section 16: complex numbers; the gradient is the direction of steepest ascent."""

import numpy as np
import pytest

import gradtape as gt

Z = 0.7 - 1.2j


def gradient(f, at=Z):
    z = gt.constant(at)
    with gt.GradientTape() as tape:
        tape.watch(z)
        y = f(z)
    g = tape.gradient(y, z)
    return None if g is None else g.item()


@pytest.mark.parametrize(
    "f, derivative",
    [
        (lambda z: z * z, lambda z: 2 * z),
        (lambda z: z**3, lambda z: 3 * z * z),
        (gt.exp, np.exp),
        (gt.sin, np.cos),
        (gt.log, lambda z: 1 / z),
        (lambda z: 1 / z, lambda z: -1 / z**2),
        (lambda z: (2 + 1j) * z, lambda z: 2 + 1j),
    ],
    ids=["square", "cube", "exp", "sin", "log", "1/z", "linear"],
)
def test_of_a_holomorphic_function_the_conjugate_of_its_derivative(f, derivative):
    assert gradient(f) == pytest.approx(np.conj(derivative(Z)))


@pytest.mark.parametrize(
    "f, expected",
    [
        (lambda z: gt.abs(z) ** 2, 2 * Z),
        (gt.abs, Z / abs(Z)),
        (gt.real, 1),
        (gt.imag, 1j),
        (gt.conj, 1),
        (lambda z: gt.real(z * gt.conj(z)), 2 * Z),
        (gt.angle, 1j * Z / abs(Z) ** 2),
    ],
    ids=["|z|²", "|z|", "real", "imag", "conj", "z conj z", "angle"],
)
def test_of_a_real_function_the_two_partial_derivatives(f, expected):
    assert gradient(f) == pytest.approx(expected)


def test_a_complex_target_means_its_real_part():
    assert gradient(lambda z: z * z) == gradient(lambda z: gt.real(z * z))


def test_matrix_products_use_adjoints():
    rng = np.random.default_rng(0)
    a, b = [gt.asarray(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))) for _ in range(2)]
    with gt.GradientTape() as tape:
        tape.watch([a, b])
        y = gt.matmul(a, b)
    ga, gb = tape.gradient(y, [a, b])
    ones = np.ones((2, 2))
    assert np.allclose(ga.numpy(), ones @ b.numpy().conj().T)
    assert np.allclose(gb.numpy(), a.numpy().conj().T @ ones)


def test_a_real_source_gets_a_real_gradient_of_its_dtype():
    x = gt.asarray(np.float32(0.5))
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = gt.exp(gt.astype(x, np.complex64) * 1j)
    g = tape.gradient(y, x)
    assert g.dtype == np.float32 and g.item() == pytest.approx(-np.sin(0.5), rel=1e-6)


def test_second_order_follows_the_same_rule():
    z = gt.constant(Z)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(z)
        g = tape.gradient(z**3, z)  # conj(3 z²)
    assert g.item() == pytest.approx(np.conj(3 * Z**2))
    assert tape.gradient(g, z).item() == pytest.approx(np.conj(6 * Z))


def test_jacobians_follow_the_same_rule():
    z = gt.asarray([Z, 2 * Z])
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(z)
        y, m = z * z, gt.abs(z) ** 2
    assert np.allclose(tape.jacobian(y, z).numpy(), np.diag(np.conj(2 * z.numpy())))
    assert np.allclose(tape.jacobian(m, z).numpy(), np.diag(2 * z.numpy()))


def test_output_gradients_weigh_the_real_part():
    z = gt.constant(Z)
    with gt.GradientTape() as tape:
        tape.watch(z)
        y = z * z
    g = tape.gradient(y, z, output_gradients=2 + 3j).item()
    assert g == pytest.approx((2 + 3j) * np.conj(2 * Z))
