"""Expressions in TensorFlow's names, with the array that they are evaluated at.

data/tensorflow.json holds what TensorFlow 2.21 gives for them: value, dtype, and the gradient by t with cotangents
cos(0), cos(1), ... To make it anew, in an environment with TensorFlow: `python tests/tensorflow_cases.py`.
"""

import json
from pathlib import Path

import numpy as np

REFERENCE = Path(__file__).parent / "data" / "tensorflow.json"


def arrays():
    """The arrays, by name."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 3))
    v = rng.normal(size=5)
    found = {
        "A": a,
        "B": rng.normal(size=(2, 3, 4)),
        "P": a @ a.T + 3 * np.eye(3),
        "V": v,
        "U": np.clip(v / 3, -0.9, 0.9),
        "POS": np.abs(v) + 0.5,
    }
    return {name: x.astype(np.float32) for name, x in found.items()} | {"I": np.array([[0, 2], [1, 0]], np.int32)}


#: Expression: array, and "value" where only the value is compared (no gradient, or one by another convention).
CASES = {
    "tf.abs(t)": "U",
    "tf.acos(t)": "U",
    "tf.asin(t)": "U",
    "tf.asinh(t)": "U",
    "tf.atan(t)": "U",
    "tf.atanh(t)": "U",
    "tf.cos(t)": "U",
    "tf.cosh(t)": "U",
    "tf.exp(t)": "U",
    "tf.negative(t)": "U",
    "tf.sigmoid(t)": "U",
    "tf.sinh(t)": "U",
    "tf.sin(t)": "U",
    "tf.square(t)": "U",
    "tf.tan(t)": "U",
    "tf.tanh(t)": "U",
    "tf.math.log(t + 1)": "POS",
    "tf.sqrt(t + 1)": "POS",
    "tf.acosh(t + 1)": "POS",
    "tf.math.log1p(t + 1)": "POS",
    "tf.math.expm1(t + 1)": "POS",
    "tf.math.reciprocal(t + 1)": "POS",
    "tf.math.rsqrt(t + 1)": "POS",
    "tf.math.lgamma(t + 1)": "POS",
    "tf.math.digamma(t + 1)": "POS",
    "tf.math.erf(t + 1)": "POS",
    "tf.math.erfc(t + 1)": "POS",
    "tf.math.log_sigmoid(t + 1)": "POS",
    "tf.math.softplus(t + 1)": "POS",
    "tf.nn.softsign(t + 1)": "POS",
    "tf.nn.gelu(t + 1)": "POS",
    "tf.floor(t)": "V value",
    "tf.round(t)": "V value",
    "tf.math.ceil(t)": "V value",
    "tf.math.rint(t)": "V value",
    "tf.sign(t)": "V value",
    "tf.nn.relu(t)": "V",
    "tf.nn.relu6(t)": "V",
    "tf.nn.elu(t)": "V",
    "tf.nn.selu(t)": "V",
    "tf.nn.silu(t)": "V",
    "tf.nn.swish(t)": "V",
    "tf.nn.leaky_relu(t)": "V",
    "tf.nn.softmax(t)": "V",
    "tf.nn.log_softmax(t)": "V",
    "tf.nn.l2_loss(t)": "V",
    "tf.nn.softplus(t)": "V",
    "tf.nn.sigmoid(t)": "V",
    "tf.nn.tanh(t)": "V",
    "tf.nn.crelu(t)": "V",
    "tf.add(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.subtract(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.multiply(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.divide(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.maximum(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.minimum(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.pow(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.math.atan2(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.math.squared_difference(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.math.divide_no_nan(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.math.xlogy(t, [1.5, 0.75, 2.0, 0.3, 2.5])": "POS",
    "tf.equal(t, 0.5)": "V value",
    "tf.less(t, 0.5)": "V value",
    "tf.less_equal(t, 0.5)": "V value",
    "tf.greater(t, 0.5)": "V value",
    "tf.greater_equal(t, 0.5)": "V value",
    "tf.not_equal(t, 0.5)": "V value",
    "tf.reduce_sum(t)": "B",
    "tf.reduce_sum(t, axis=1)": "B",
    "tf.reduce_sum(t, axis=[0, 2])": "B",
    "tf.reduce_sum(t, axis=-1, keepdims=True)": "B",
    "tf.reduce_mean(t)": "B",
    "tf.reduce_mean(t, axis=1)": "B",
    "tf.reduce_mean(t, axis=[0, 2])": "B",
    "tf.reduce_mean(t, axis=-1, keepdims=True)": "B",
    "tf.reduce_max(t)": "B",
    "tf.reduce_max(t, axis=1)": "B",
    "tf.reduce_max(t, axis=[0, 2])": "B",
    "tf.reduce_max(t, axis=-1, keepdims=True)": "B",
    "tf.reduce_min(t)": "B",
    "tf.reduce_min(t, axis=1)": "B",
    "tf.reduce_min(t, axis=[0, 2])": "B",
    "tf.reduce_min(t, axis=-1, keepdims=True)": "B",
    "tf.reduce_prod(t)": "B",
    "tf.reduce_prod(t, axis=1)": "B",
    "tf.reduce_prod(t, axis=[0, 2])": "B",
    "tf.reduce_prod(t, axis=-1, keepdims=True)": "B",
    "tf.reduce_logsumexp(t)": "B",
    "tf.reduce_logsumexp(t, axis=1)": "B",
    "tf.reduce_logsumexp(t, axis=[0, 2])": "B",
    "tf.reduce_logsumexp(t, axis=-1, keepdims=True)": "B",
    "tf.math.reduce_std(t)": "B",
    "tf.math.reduce_std(t, axis=1)": "B",
    "tf.math.reduce_std(t, axis=[0, 2], keepdims=True)": "B",
    "tf.math.reduce_variance(t)": "B",
    "tf.math.reduce_variance(t, axis=1)": "B",
    "tf.math.reduce_variance(t, axis=[0, 2], keepdims=True)": "B",
    "tf.math.reduce_euclidean_norm(t)": "B",
    "tf.math.reduce_euclidean_norm(t, axis=1)": "B",
    "tf.math.reduce_euclidean_norm(t, axis=[0, 2], keepdims=True)": "B",
    "tf.reshape(t, [4, -1])": "B",
    "tf.transpose(t)": "B",
    "tf.transpose(t, [1, 0, 2])": "B",
    "tf.expand_dims(t, 1)": "B",
    "tf.squeeze(tf.expand_dims(t, 1))": "B",
    "tf.concat([t, t*2], axis=1)": "B",
    "tf.stack([t, t*2], axis=1)": "B",
    "tf.unstack(t, axis=1)[2]": "B",
    "tf.split(t, [1, 2], axis=1)[1]": "B",
    "tf.split(t, 2, axis=2)[0]": "B",
    "tf.split(t, [1, -1], axis=1)[1]": "B",
    "tf.tile(t, [2, 1, 3])": "B",
    "tf.pad(t, [[0, 1], [2, 0], [1, 1]])": "B",
    "tf.pad(t, [[0, 1], [2, 0], [1, 1]], constant_values=5.0)": "B",
    'tf.pad(t, [[0, 0], [2, 0], [1, 1]], "REFLECT")': "B",
    'tf.pad(t, [[0, 1], [2, 0], [1, 1]], "SYMMETRIC")': "B",
    "tf.convert_to_tensor(tf.gather(t, [1, 0, 1]))": "B",
    "tf.gather(t, [[2, 0], [1, 1]], axis=1)": "B",
    "tf.gather(t, [[2, 0], [1, 1]], axis=1, batch_dims=1)": "B",
    "tf.gather(t, [[2, 0], [1, 1]], axis=2, batch_dims=1)": "B",
    "tf.gather(t, [2, 0], axis=-1)": "B",
    "tf.gather_nd(t, [[0, 1], [1, 2]])": "B",
    "tf.gather_nd(t, [[[0], [1]], [[1], [2]]], batch_dims=1)": "B",
    "tf.gather_nd(t, [[0, 1, 2]])": "B",
    "tf.boolean_mask(t, [True, False])": "B",
    "tf.boolean_mask(t, [[True, False, True], [False, False, True]])": "B",
    "tf.boolean_mask(t, [True, False, True], axis=1)": "B",
    "tf.where(t>0, t*t, 0.0)": "B",
    "tf.where(t>0)": "B value",
    "tf.clip_by_value(t, -0.5, 0.5)": "B",
    "tf.clip_by_norm(t, 1.0)": "B",
    "tf.clip_by_norm(t, 1.0, axes=[1])": "B",
    "tf.clip_by_norm(t, 100.0)": "B",
    "tf.clip_by_global_norm([t, t*2], 1.0)[0][1]": "B",
    "tf.clip_by_global_norm([t, t*2], 1.0)[1]": "B",
    "tf.linalg.global_norm([t, t*2])": "B",
    "tf.norm(t)": "B",
    "tf.norm(t, axis=1)": "B",
    "tf.norm(t, ord=np.inf, axis=-1, keepdims=True)": "B",
    "tf.norm(t, ord='fro', axis=[0, 1])": "B",
    "tf.norm(t, axis=[1, 2])": "B",
    "tf.cumsum(t, axis=1)": "B",
    "tf.cumsum(t, axis=1, exclusive=True)": "B",
    "tf.cumsum(t, axis=1, reverse=True)": "B",
    "tf.cumsum(t, axis=2, reverse=True, exclusive=True)": "B",
    "tf.math.cumprod(t, axis=1)": "B",
    "tf.math.cumprod(t, axis=1, exclusive=True, reverse=True)": "B",
    "tf.sort(t)": "B",
    'tf.sort(t, axis=0, direction="DESCENDING")': "B",
    "tf.argsort(t, axis=1)": "B value",
    "tf.argmax(t)": "B value",
    "tf.argmin(t, axis=-1)": "B value",
    "tf.math.top_k(t, 2).values": "B",
    "tf.math.top_k(t, 2).indices": "B value",
    "tf.one_hot(t, 4)": "I value",
    "tf.one_hot(t, 4, axis=0, on_value=5.0, off_value=-1.0)": "I value",
    "tf.range(5)": "V value",
    "tf.range(1, 6, 2)": "V value",
    "tf.range(0.0, 1.0, 0.25)": "V value",
    "tf.linspace(0.0, 1.0, 5)": "V value",
    "tf.linspace(-2, 2, 5)": "V value",
    "tf.eye(3)": "V value",
    "tf.eye(2, 3, batch_shape=[2])": "V value",
    "tf.fill([2, 3], 7.0)": "V value",
    "tf.zeros([2])": "V value",
    "tf.ones((2, 3), tf.int32)": "V value",
    "tf.zeros_like(t)": "I value",
    "tf.ones_like(t)": "I value",
    "tf.meshgrid(t, t)[1]": "V",
    'tf.meshgrid(t, t, indexing="ij")[1]': "V",
    "tf.shape(t)": "B value",
    "tf.size(t)": "B value",
    "tf.rank(t)": "B value",
    "tf.reverse(t, [1])": "B",
    "tf.roll(t, 1, axis=1)": "B",
    "tf.repeat(t, 2, axis=1)": "B",
    "tf.repeat(t, [1, 0, 2], axis=1)": "B",
    "tf.broadcast_to(t, [2, 5])": "V",
    'tf.einsum("bij->bi", t)': "B",
    'tf.einsum("bij, cij->bc", t, t*2.0)': "B",
    "tf.tensordot(t, t, [[1, 2], [1, 2]])": "B",
    "tf.tensordot(t, t, 1)": "A",
    "tf.cast(t, tf.int32)": "B value",
    "tf.cast(t, tf.float64)": "B",
    "tf.cast([1, 2], tf.float32)": "B value",
    "tf.reduce_sum([1, 2, 3])": "B value",
    "tf.reduce_prod((2, 3))": "B value",
    "tf.reduce_any(t>1, axis=0)": "B value",
    "tf.reduce_all(t<1)": "B value",
    "tf.math.count_nonzero(t)": "I value",
    "tf.abs(tf.linalg.svd(t)[2])": "P value",
    "tf.abs(tf.linalg.qr(t)[1])": "P",
    "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 2], logits=t[:, 0])": "B",
    "tf.nn.moments(t, [0])[1]": "B",
    "tf.nn.moments(t, [0, 2], keepdims=True)[0]": "B",
    "tf.nn.bias_add(t, [1.0, 2.0, 3.0, 4.0])": "B",
    "tf.nn.softmax(t, axis=1)": "B",
    "tf.nn.leaky_relu(t, alpha=0.3)": "B",
    "tf.nn.gelu(t, approximate=True)": "B",
    "tf.nn.weighted_cross_entropy_with_logits(labels=tf.nn.sigmoid(t), logits=t*2.0, pos_weight=3.0)": "B",
    "tf.nn.l2_normalize(t, axis=1)": "B",
    "tf.math.l2_normalize(t)": "B",
    "tf.nn.batch_normalization(t, 0.5, 2.0, 0.3, 1.5, 1e-3)": "B",
    "tf.nn.in_top_k([1, 0], t[:, 0], 2)": "B value",
    "tf.add_n([t, t, t])": "B",
    "tf.scalar_mul(3.0, t)": "B",
    "tf.identity(t)": "B",
    "tf.stop_gradient(t)*t": "B",
    "tf.math.polygamma(1.0, t)": "POS",
    "tf.math.multiply_no_nan(t, t)": "V",
    "tf.math.reciprocal_no_nan(t)": "V",
    "tf.math.lbeta(t)": "POS",
    "tf.complex(t, t*2.0)": "V value",
    "tf.math.angle(tf.complex(t, t*2.0))": "V",
    "tf.abs(tf.complex(t, t*2.0))": "V",
    "tf.math.igamma(t, t+1.0)": "POS value",
    "tf.map_fn(lambda x: x*x, t)": "B",
    "tf.vectorized_map(lambda x: x*x, t)": "B",
    "t[..., tf.newaxis, 1]": "B",
    "t[::-1, 1:, -1]": "B",
    "tf.searchsorted([1.0, 2.0, 3.0], [0.5, 2.0, 9.0])": "B value",
    "tf.matmul(t, t)": "P",
    "tf.matmul(t, t, transpose_a=True)": "P",
    "tf.linalg.matvec(t, [1.0, 2.0, 3.0])": "P",
    "tf.linalg.inv(t)": "P",
    "tf.linalg.det(t)": "P",
    "tf.linalg.solve(t, [[1.0], [2.0], [3.0]])": "P",
    "tf.linalg.solve(t, [[1.0], [2.0], [3.0]], adjoint=True)": "P",
    "tf.linalg.trace(t)": "P",
    "tf.linalg.diag_part(t)": "P",
    "tf.linalg.diag(t)": "P",
    "tf.linalg.band_part(t, 1, 0)": "P",
    "tf.linalg.band_part(t, 0, -1)": "P",
    "tf.linalg.triangular_solve(t, [[1.0], [2.0], [3.0]])": "P",
    "tf.linalg.triangular_solve(t, [[1.0], [2.0], [3.0]], lower=False, adjoint=True)": "P",
    "tf.linalg.slogdet(t)[1]": "P",
    "tf.linalg.pinv(t)": "P",
    "tf.linalg.expm(t/10)": "P",
    "tf.linalg.adjoint(t)": "P",
    "tf.linalg.matrix_transpose(t)": "P",
    "tf.linalg.normalize(t, axis=1)[0]": "P",
    "tf.linalg.cross(t, t*t)": "P",
    "tf.linalg.svd(t, compute_uv=False)": "P",
    "tf.linalg.set_diag(t, [1.0, 2.0, 3.0])": "P",
    "tf.linalg.diag_part(t, k=1)": "P",
    "tf.linalg.svd(t)[0]": "P",
    "tf.linalg.cholesky(t)": "P value",
    "tf.linalg.eigh(t)[0]": "P value",
    "tf.linalg.eigvalsh(t)": "P value",
    "tf.linalg.logdet(t)": "P value",
    "tf.linalg.cholesky_solve(tf.linalg.cholesky(t), [[1.0], [2.0], [3.0]])": "P value",
    "tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(t[::-1]), logits=t)": "B",
    "tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.nn.sigmoid(t[::-1]), logits=t)": "B",
}


def evaluate(tf, expression):
    """Value and gradient (None where only the value is asked for) as arrays, with this tf."""
    name, *only = CASES[expression].split()
    t = tf.constant(arrays()[name])
    with tf.GradientTape() as tape:
        if not only:
            tape.watch(t)
        y = eval(expression, {"tf": tf, "np": np, "t": t})
    if only:
        return y.numpy(), None
    weights = tf.cast(np.cos(np.arange(np.prod(y.shape, dtype=int))).reshape(tuple(y.shape)), y.dtype)
    return y.numpy(), tf.convert_to_tensor(tape.gradient(y, t, output_gradients=weights)).numpy()


def rounded(x):
    """An array as nested lists of seven digits, complex numbers as pairs."""
    x = np.asarray(x)
    if x.dtype.kind == "c":
        x = np.stack([x.real, x.imag], -1)
    return json.loads(json.dumps(x.tolist()), parse_float=lambda digits: float(f"{float(digits):.7g}"))


def main():
    """Write the reference."""
    import tensorflow as tf

    reference = {}
    for expression in CASES:
        y, g = evaluate(tf, expression)
        gradient = None if g is None else rounded(g)
        reference[expression] = {"dtype": y.dtype.name, "value": rounded(y), "gradient": gradient}
    lines = [f"{json.dumps(expression)}: {json.dumps(found)}" for expression, found in reference.items()]
    REFERENCE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
