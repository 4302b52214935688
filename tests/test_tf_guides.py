"""The techniques of TensorFlow's guides on automatic differentiation and on training loops, with gradtape.tf."""

import numpy as np
import pytest

import gradtape.tf as tf


class Dense(tf.Module):
    """A layer: activation(x @ kernel + bias)."""

    def __init__(self, inputs, units, activation=tf.identity, name=None):
        super().__init__(name=name)
        self.kernel = tf.Variable(tf.random.normal((inputs, units), stddev=inputs**-0.5), name="kernel")
        self.bias = tf.Variable(tf.zeros(units), name="bias")
        self.activation = activation

    def __call__(self, x):
        return self.activation(x @ self.kernel + self.bias)


@pytest.fixture(autouse=True)
def seeded():
    tf.random.set_seed(7)


# -- introduction
def test_a_scalar_and_numpy():
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x**2
    g = tape.gradient(y, x)
    assert g.numpy() == 6.0 and g.numpy().dtype == np.float32 and str(g.numpy()) == "6.0"


def test_a_linear_model_of_a_python_list_with_lists_and_dicts_of_sources():
    w = tf.Variable(tf.random.normal((3, 2)), name="w")
    b = tf.Variable(tf.zeros(2, dtype=tf.float32), name="b")
    x = [[1.0, 2.0, 3.0]]
    with tf.GradientTape(persistent=True) as tape:
        y = x @ w + b
        loss = tf.reduce_mean(y**2)
    [dw, db] = tape.gradient(loss, [w, b])
    assert dw.shape == w.shape and db.shape == b.shape and dw.dtype == tf.float32
    assert np.allclose(db.numpy(), y.numpy()[0], rtol=1e-6)
    assert np.allclose(dw.numpy(), np.outer(x[0], y.numpy()[0]), rtol=1e-5)
    found = tape.gradient(loss, {"w": w, "b": b})
    assert np.array_equal(found["b"].numpy(), db.numpy()) and np.array_equal(found["w"].numpy(), dw.numpy())


def test_gradients_by_all_trainable_variables_of_a_module():
    layer = Dense(3, 2, tf.nn.relu)
    x = tf.constant([[1.0, 2.0, 3.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(layer(x) ** 2)
    grads = tape.gradient(loss, layer.trainable_variables)
    assert type(grads) is tuple
    names = [f"{v.name} {g.shape}" for v, g in zip(layer.trainable_variables, grads)]
    assert names == ["bias:0 (2,)", "kernel:0 (3, 2)"]


def test_what_the_tape_watches():
    x0 = tf.Variable(3.0, name="x0")
    x1 = tf.Variable(3.0, name="x1", trainable=False)
    x2 = tf.Variable(2.0, name="x2") + 1.0
    x3 = tf.constant(3.0, name="x3")
    with tf.GradientTape() as tape:
        y = (x0**2) + (x1**2) + (x2**2)
    grad = tape.gradient(y, [x0, x1, x2, x3])
    assert float(grad[0]) == 6.0 and grad[1:] == [None, None, None]
    assert [v.name for v in tape.watched_variables()] == ["x0:0"]
    assert not isinstance(x2, tf.Variable) and isinstance(x0, tf.Variable)


def test_watching_by_hand_only():
    x0, x1 = tf.Variable(0.0), tf.Variable(10.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x1)
        ys = tf.reduce_sum(tf.math.sin(x0) + tf.nn.softplus(x1))
    grad = tape.gradient(ys, {"x0": x0, "x1": x1})
    assert grad["x0"] is None
    assert float(grad["x1"]) == pytest.approx(1 / (1 + np.exp(-10.0)), rel=1e-6)


def test_intermediates_and_persistence():
    x = tf.constant([1, 3.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert tape.gradient(z, x).numpy().tolist() == [4.0, 108.0]
    assert tape.gradient(y, x).numpy().tolist() == [2.0, 6.0]
    assert tape.gradient(z, y).numpy().tolist() == [2.0, 18.0]
    del tape


def test_several_targets_and_vector_targets_are_summed():
    x = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y0, y1 = x**2, 1 / x
        y2 = x * [3.0, 4.0]
    assert float(tape.gradient(y0, x)) == 4.0 and float(tape.gradient(y1, x)) == -0.25
    assert float(tape.gradient({"y0": y0, "y1": y1}, x)) == 3.75
    g = tape.gradient(y2, x)
    assert g.numpy() == 7.0 and g.dtype == tf.float32


def test_an_elementwise_function_s_derivative_is_a_curve():
    x = tf.linspace(-10.0, 10.0, 200 + 1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.sigmoid(x)
    dy_dx = tape.gradient(y, x)
    assert x.dtype == tf.float32 and dy_dx.shape == (201,)
    s = 1 / (1 + np.exp(-np.asarray(x, np.float64)))
    assert np.allclose(np.asarray(dy_dx), s * (1 - s), atol=1e-6)


def test_control_flow_connects_the_variable_that_was_used():
    x, v0, v1 = tf.constant(1.0), tf.Variable(2.0), tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        result = v0 if x > 0.0 else v1**2
    dv0, dv1 = tape.gradient(result, [v0, v1])
    assert float(dv0) == 1.0 and dv1 is None and tape.gradient(result, x) is None


def test_the_ways_to_lose_a_gradient():
    x, y = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = y * y
    assert tape.gradient(z, x) is None

    kinds = []
    for _ in range(2):
        with tf.GradientTape() as tape:
            y = x + 1
        kinds.append((type(x).__name__, tape.gradient(y, x) is None))
        x = x + 1
    assert kinds == [("Variable", False), ("Tensor", True)]

    x = tf.constant(10)
    with tf.GradientTape() as tape:
        with pytest.warns(UserWarning):
            tape.watch(x)
        y = x * x
    with pytest.warns(UserWarning):
        assert tape.gradient(y, x) is None

    x0, x1 = tf.Variable(3.0), tf.Variable(0.0)
    with tf.GradientTape() as tape:
        x1.assign_add(x0)
        y = x1**2
    assert tape.gradient(y, x0) is None and float(y) == 9.0


def test_numpy_on_the_way_does_not_lose_it():  # there it does
    x = tf.Variable([[1.0, 2.0], [3.0, 4.0]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        y = np.mean(x**2, axis=0)
        y = tf.reduce_mean(y, axis=0)
    assert tape.gradient(y, x).numpy().tolist() == [[0.5, 1.0], [1.5, 2.0]]


def test_zeros_instead_of_none():
    x, y = tf.Variable([2.0, 2.0]), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        z = y**2
    assert tape.gradient(z, x, unconnected_gradients=tf.UnconnectedGradients.ZERO).numpy().tolist() == [0.0, 0.0]


# -- advanced
@pytest.mark.parametrize("way", ["stop_recording", "reset", "stop_gradient"])
def test_controlling_what_is_recorded(way):
    x, y = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as t:
        if way == "stop_recording":
            x_sq = x * x
            with t.stop_recording():
                y_sq = y * y
            z = x_sq + y_sq
        elif way == "reset":
            y_sq = y * y
            t.reset()
            z = x * x + y_sq
        else:
            z = x**2 + tf.stop_gradient(y**2)
    grad = t.gradient(z, {"x": x, "y": y})
    assert float(grad["x"]) == 4.0 and grad["y"] is None and float(z) == 13.0


def test_a_gradient_clipped_on_its_way_back():
    @tf.custom_gradient
    def clip_gradients(y):
        def backward(dy):
            return tf.clip_by_norm(dy, 0.5)

        return y, backward

    v = tf.Variable(2.0)
    with tf.GradientTape() as t:
        output = clip_gradients(v * v)
    assert float(t.gradient(output, v)) == 2.0

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(None)])
        def call_custom_grad(self, x):
            return clip_gradients(x)

    with tf.GradientTape() as t:
        output = Model().call_custom_grad(v * v)
    assert float(t.gradient(output, v)) == 2.0


def test_two_tapes_watching_different_tensors():
    x0, x1 = tf.constant(0.0), tf.constant(0.0)
    with tf.GradientTape() as tape0, tf.GradientTape() as tape1:
        tape0.watch(x0)
        tape1.watch(x1)
        ys = tf.reduce_sum(tf.math.sin(x0) + tf.nn.sigmoid(x1))
    assert tape0.gradient(ys, x0).numpy() == 1.0 and tape1.gradient(ys, x1).numpy() == 0.25


def test_second_derivatives():
    x = tf.Variable(1.0)
    with tf.GradientTape() as t2:
        with tf.GradientTape() as t1:
            y = x * x * x
        dy_dx = t1.gradient(y, x)
    assert (dy_dx.numpy(), t2.gradient(dy_dx, x).numpy()) == (3.0, 6.0)


def test_input_gradient_regularisation():
    x = tf.random.normal([7, 5])
    layer = Dense(5, 10, tf.nn.relu)
    with tf.GradientTape() as t2:
        with tf.GradientTape(watch_accessed_variables=False) as t1:
            t1.watch(x)
            out = tf.reduce_sum(layer(x) ** 2)
        g1 = t1.gradient(out, x)
        magnitude = tf.norm(g1)
    found = t2.gradient(magnitude, [layer.kernel, layer.bias])
    assert [g.shape for g in found] == [(5, 10), (10,)]

    def numbers(kernel):
        h = np.maximum(x.numpy().astype(float) @ kernel + layer.bias.numpy(), 0)
        return np.linalg.norm(2 * h @ kernel.T)

    kernel, step = layer.kernel.numpy().astype(float), 1e-6
    for i in [(0, 0), (2, 3), (4, 9)]:
        e = np.zeros_like(kernel)
        e[i] = step
        expected = (numbers(kernel + e) - numbers(kernel - e)) / (2 * step)
        assert float(found[0][i]) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_jacobians():
    x, delta = tf.linspace(-10.0, 10.0, 200 + 1), tf.Variable(0.0)
    with tf.GradientTape() as tape:
        y = tf.nn.sigmoid(x + delta)
    assert tape.jacobian(y, delta).shape == y.shape == (201,)

    x, layer = tf.random.normal([7, 5]), Dense(5, 10, tf.nn.relu)
    with tf.GradientTape(persistent=True) as tape:
        y = layer(x)
    j = tape.jacobian(y, layer.kernel)
    assert j.shape == (7, 10, 5, 10)
    g = tape.gradient(y, layer.kernel)
    assert tf.reduce_max(abs(g - tf.reduce_sum(j, axis=[0, 1]))).numpy() < 1e-5


def test_a_hessian_and_newton_s_step():
    x = tf.random.normal([7, 5])
    layer1, layer2 = Dense(5, 8, tf.nn.relu), Dense(8, 6, tf.nn.relu)
    with tf.GradientTape() as t2:
        with tf.GradientTape() as t1:
            loss = tf.reduce_mean(layer2(layer1(x)) ** 2)
        g = t1.gradient(loss, layer1.kernel)
    h = t2.jacobian(g, layer1.kernel)
    assert h.shape == (5, 8, 5, 8)
    n = tf.reduce_prod(layer1.kernel.shape)
    g_vec, h_mat = tf.reshape(g, [n, 1]), tf.reshape(h, [n, n])
    assert np.allclose(h_mat.numpy(), h_mat.numpy().T, atol=1e-5)
    update = tf.linalg.solve(h_mat + tf.eye(h_mat.shape[0]) * 1e-3, g_vec)
    layer1.kernel.assign_sub(tf.reshape(update, layer1.kernel.shape))
    assert float(tf.reduce_mean(layer2(layer1(x)) ** 2)) < float(loss)


def test_batch_jacobians():
    x = tf.random.normal([7, 5])
    layer1, layer2 = Dense(5, 8, tf.nn.elu), Dense(8, 6, tf.nn.elu)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = layer2(layer1(x))
        h = layer1(x)
        mean, variance = tf.nn.moments(h, [0])
        coupled = layer2((h - mean) / tf.sqrt(variance + 1e-3))
    j = tape.jacobian(y, x)
    assert j.shape == (7, 6, 7, 5)
    summed, selected = tf.reduce_sum(j, axis=2), tf.einsum("bxby->bxy", j)
    jb = tape.batch_jacobian(y, x)
    assert summed.shape == selected.shape == jb.shape == (7, 6, 5)
    assert tf.reduce_max(abs(jb - summed)).numpy() < 1e-5 and tf.reduce_max(abs(jb - selected)).numpy() < 1e-5
    off_diagonal = tape.jacobian(coupled, x).numpy()[0, :, 1]
    assert np.abs(off_diagonal).max() > 1e-4  # the examples influence each other
    assert tape.batch_jacobian(coupled, x).shape == (7, 6, 5)


def test_the_patches_of_a_jacobian_as_one_image():
    j = tf.reshape(tf.range(24.0), [2, 2, 2, 3])
    j = tf.transpose(j, [1, 0, 3, 2])
    limit = tf.reduce_max(abs(j))
    j = tf.pad(j, [[0, 0], [1, 1], [0, 0], [1, 1]], constant_values=-limit)
    s = j.shape
    image = tf.reshape(j, [s[0] * s[1], s[2] * s[3]])
    assert image.shape == (8, 12) and image[0, 0].numpy() == -23.0 and image[1, 1].numpy() == 0.0


# -- training loops
class Line(tf.Module):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.w = tf.Variable(5.0)
        self.b = tf.Variable(0.0)

    def __call__(self, x):
        return self.w * x + self.b


def test_modules_collect_variables():
    class Net(tf.Module):
        def __init__(self):
            super().__init__(name="net")
            self.layers = [Line(), {"inner": Line(name="second")}]
            self.scale = tf.Variable(1.0, trainable=False, name="scale")
            self.again = self.layers[0]

    net = Net()
    assert net.name == "net" and [m.name for m in net.submodules] == ["line", "second"]
    first, second = net.submodules
    expected = [net.scale, first.b, first.w, second.b, second.w]
    assert [a is b for a, b in zip(net.variables, expected)] == [True] * 5
    assert len(net.trainable_variables) == 4 and net.non_trainable_variables[0] is net.scale


def test_training_a_line():
    x = tf.cast(tf.linspace(-2, 2, 201), tf.float32)
    y = x * 3.0 + 2.0 + tf.random.normal(shape=[201])
    model = Line()
    assert model(3.0).numpy() == 15.0
    assert len(model.variables) == 2

    def loss(target_y, predicted_y):
        return tf.reduce_mean(tf.square(target_y - predicted_y))

    losses = []
    for _ in range(30):
        with tf.GradientTape() as t:
            current_loss = loss(y, model(x))
        dw, db = t.gradient(current_loss, [model.w, model.b])
        model.w.assign_sub(0.1 * dw)
        model.b.assign_sub(0.1 * db)
        losses.append(current_loss)
    line = f"W = {model.w.numpy():1.2f}, b = {model.b.numpy():1.2f}, loss={losses[-1]:2.5f}"
    assert line.startswith("W = ") and f"{losses[-1].numpy():1.6f}"
    slope, offset = np.polyfit(x.numpy(), y.numpy(), 1)
    assert float(model.w) == pytest.approx(slope, abs=1e-3) and float(model.b) == pytest.approx(offset, abs=1e-2)
    assert losses[-1] < losses[0]
