"""The namespace of the array API standard: names, dtypes, inspection. `make conformance` runs the official suite."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import gradtape as gt

#: Every name of the standard 2025.12, with its parameters: / and * as in the standard, = where there is a default.
SIGNATURES = {
    "arange": "start / stop= step= * dtype= device=", "argmax": "x / * axis= keepdims=",
    "argsort": "x / * axis= descending= stable=", "asarray": "obj / * dtype= device= copy=",
    "astype": "x dtype / * copy= device=", "broadcast_to": "x / shape", "clip": "x / min= max=",
    "concat": "arrays / * axis=", "count_nonzero": "x / * axis= keepdims=",
    "cumulative_prod": "x / * axis= dtype= include_initial=",
    "cumulative_sum": "x / * axis= dtype= include_initial=", "diff": "x / * axis= n= prepend= append=",
    "expand_dims": "x / axis=", "eye": "n_rows n_cols= / * k= dtype= device=", "flip": "x / * axis=",
    "full": "shape fill_value * dtype= device=", "isdtype": "dtype kind",
    "linspace": "start stop / num= * dtype= device= endpoint=", "matmul": "x1 x2 /", "max": "x / * axis= keepdims=",
    "mean": "x / * axis= keepdims=", "moveaxis": "x source destination /", "permute_dims": "x / axes",
    "prod": "x / * axis= dtype= keepdims=", "repeat": "x repeats / * axis=", "reshape": "x / shape * copy=",
    "roll": "x / shift * axis=", "searchsorted": "x1 x2 / * side= sorter=",
    "sort": "x / * axis= descending= stable=", "squeeze": "x / axis", "stack": "arrays / * axis=",
    "std": "x / * axis= correction= keepdims=", "sum": "x / * axis= dtype= keepdims=",
    "take": "x indices / * axis=", "take_along_axis": "x indices / * axis=", "tensordot": "x1 x2 / * axes=",
    "tile": "x repetitions /", "tril": "x / * k=", "unique_all": "x /", "unstack": "x / * axis=",
    "var": "x / * axis= correction= keepdims=", "vecdot": "x1 x2 / * axis=", "where": "condition x1 x2 /",
}  # fmt: skip
NAMES = """
abs acos acosh add all any arange argmax argmin argsort asarray asin asinh astype atan atan2 atanh bitwise_and
bitwise_invert bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor broadcast_arrays broadcast_shapes
broadcast_to can_cast ceil clip concat conj copysign cos cosh count_nonzero cumulative_prod cumulative_sum diff
divide empty empty_like equal exp expand_dims expm1 eye finfo flip floor floor_divide from_dlpack full full_like
greater greater_equal hypot iinfo imag isdtype isfinite isin isinf isnan less less_equal linspace log log10 log1p
log2 logaddexp logical_and logical_not logical_or logical_xor matmul matrix_transpose max maximum mean meshgrid min
minimum moveaxis multiply negative nextafter nonzero not_equal ones ones_like permute_dims positive pow prod real
reciprocal remainder repeat reshape result_type roll round searchsorted sign signbit sin sinh sort sqrt square
squeeze stack std subtract sum take take_along_axis tan tanh tensordot tile tril triu trunc unique_all unique_counts
unique_inverse unique_values unstack var vecdot where zeros zeros_like bool int8 int16 int32 int64 uint8 uint16
uint32 uint64 float32 float64 complex64 complex128 e inf nan newaxis pi __array_api_version__
__array_namespace_info__
"""
LINALG = """
cholesky cross det diagonal eig eigh eigvals eigvalsh inv matmul matrix_norm matrix_power matrix_rank
matrix_transpose outer pinv qr slogdet solve svd svdvals tensordot trace vecdot vector_norm
"""
FFT = "fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftfreq rfftfreq fftshift ifftshift"
ARRAY = """
T mT device dtype ndim shape size __abs__ __add__ __and__ __array_namespace__ __bool__ __complex__ __dlpack__
__dlpack_device__ __eq__ __float__ __floordiv__ __ge__ __getitem__ __gt__ __index__ __int__ __invert__ __le__
__lshift__ __lt__ __matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pos__ __pow__ __radd__ __rand__ __rfloordiv__
__rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__ __rpow__ __rrshift__ __rshift__ __rsub__ __rtruediv__ __rxor__
__setitem__ __sub__ __truediv__ __xor__ to_device
"""


@pytest.mark.parametrize(
    "space,names",
    [(gt, NAMES), (gt.linalg, LINALG), (gt.fft, FFT), (gt.Tensor, ARRAY)],
    ids=["main", "linalg", "fft", "array"],
)
def test_every_name_is_there(space, names):
    assert [name for name in names.split() if not hasattr(space, name)] == []


@pytest.mark.parametrize("name", SIGNATURES)
def test_calls_of_the_standard_are_taken(name):
    """Every parameter is taken as the standard has it: by position or by name, with a default or none."""
    parameters = inspect.signature(getattr(gt, name)).parameters
    given = list(parameters.values())
    words = SIGNATURES[name].split()
    last_positional = words.index("/") if "/" in words else 0
    keyword_only = False
    place = 0
    for i, word in enumerate(words):
        if word == "/":
            continue
        if word == "*":
            keyword_only = True
            continue
        plain = word.rstrip("=")
        if i < last_positional:
            parameter = given[place]
            assert parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        else:
            parameter = parameters[plain]
            assert parameter.kind != parameter.POSITIONAL_ONLY
            if not keyword_only:
                assert given[place].name == plain and parameter.kind == parameter.POSITIONAL_OR_KEYWORD
        if word.endswith("="):
            assert parameter.default is not parameter.empty, f"{name}: {plain} needs a default"
        place += 1


def test_dtypes_are_numpys():
    assert gt.float32 is np.float32 and gt.zeros(1).dtype == gt.float64
    info = gt.__array_namespace_info__()
    assert info.devices() == ("cpu",) and info.default_device() == "cpu"
    assert info.default_dtypes()["real floating"] == gt.float64
    assert set(info.dtypes(kind="complex floating")) == {"complex64", "complex128"}
    assert info.capabilities()["boolean indexing"]
    with pytest.raises(ValueError, match="device"):
        info.dtypes(device="gpu")


def test_finfo_and_iinfo():
    assert type(gt.finfo(gt.complex64).eps) is float and gt.finfo(gt.asarray(1.0)).bits == 64
    assert gt.finfo(gt.float32).dtype == gt.float32
    assert gt.iinfo(gt.asarray([1], dtype=gt.uint8)).max == 255 and gt.iinfo(gt.int16).min == -(2**15)


def test_isdtype():
    assert gt.isdtype(gt.float32, ("integral", "real floating")) and not gt.isdtype(gt.int8, "unsigned integer")
    assert gt.isdtype(gt.bool, gt.bool) and not gt.isdtype(gt.bool, "numeric")
    with pytest.raises(ValueError, match="unknown kind 'float'; there are bool,"):
        gt.isdtype(gt.float32, "float")


def test_result_type():
    assert gt.result_type(gt.ones(1, dtype=gt.float32), 2.0) == gt.float32
    assert gt.result_type(gt.int8, gt.ones(1, dtype=gt.int16)) == gt.int16
    assert gt.can_cast(gt.ones(1, dtype=gt.float32), gt.float64) and not gt.can_cast(gt.float64, gt.float32)


def test_unique():
    x = gt.asarray([[3.0, 1.0], [3.0, np.nan]])
    r = gt.unique_all(x)
    assert r.values.tolist()[:2] == [1.0, 3.0] and r.counts.tolist() == [1, 2, 1] and r.indices.tolist() == [1, 0, 3]
    assert r.inverse_indices.tolist() == [[1, 0], [1, 2]]
    assert gt.unique_counts(x).counts.tolist() == [1, 2, 1]
    assert gt.unique_inverse(x).inverse_indices.shape == (2, 2)
    assert gt.grad(lambda x: gt.sum(gt.unique_values(x) ** 2))(np.array([2.0, 1.0, 2.0])).tolist() == [4.0, 2.0, 0.0]
    gt.check_grads(gt.unique_values, (np.array([2.0, 1.0, -3.0]),), order=2)
    with pytest.raises(TypeError, match="inside vmap"):
        gt.vmap(gt.unique_values)(np.ones((2, 3)))
    assert gt.isin(x, gt.asarray([3.0]), invert=True).tolist() == [[False, True], [False, True]]


def test_diff():
    x = np.array([[1.0, 4.0, 9.0], [0.0, 2.0, -1.0]])
    np.testing.assert_array_equal(gt.diff(gt.asarray(x), axis=0).numpy(), np.diff(x, axis=0))
    for n in (0, 1, 2):
        np.testing.assert_array_equal(gt.diff(gt.asarray(x), n=n).numpy(), np.diff(x, n=n))
    ends = {"prepend": np.zeros((2, 1)), "append": np.ones((2, 2))}
    np.testing.assert_array_equal(gt.diff(gt.asarray(x), **ends).numpy(), np.diff(x, **ends))
    assert gt.diff(gt.asarray([True, False, False])).tolist() == [True, False]
    gt.check_grads(lambda x, a: gt.diff(x**3, n=2, prepend=a), (x, ends["prepend"]), order=2)
    with pytest.raises(ValueError, match="n must not be negative"):
        gt.diff(x, n=-1)


def test_a_sum_in_a_small_dtype_stays_in_it():
    x = gt.asarray([200, 100], dtype=gt.uint8)
    with gt.GradientTape():
        assert gt.sum(x, dtype=gt.uint8).dtype == gt.uint8 and int(gt.sum(x, dtype=gt.uint8)) == 44
        assert gt.cumulative_sum(x, dtype=gt.uint8).tolist() == [200, 44]
        assert gt.sum(x).dtype == gt.uint64


def test_special_values():
    inf = np.inf
    assert gt.floor_divide(gt.asarray([inf, -inf, 5.0]), gt.asarray([2.0, 2.0, -inf])).tolist() == [inf, -inf, -0.0]
    assert np.signbit((gt.asarray(-5.0) // inf).numpy())
    z = gt.expm1(gt.asarray(complex(-inf, inf))).numpy()
    assert z.real == -1 and z.imag == 0
    assert gt.expm1(gt.asarray(complex(inf, 0.0))).numpy() == complex(inf, 0.0)
    assert not np.signbit(gt.tanh(gt.asarray(complex(inf, 2.0))).numpy().imag)


def test_an_empty_mask_is_a_mask():
    x = gt.zeros((0, 0), dtype=gt.bool)
    assert x[x].shape == (0,)


def test_dlpack_is_asked_for_and_noted():
    x = gt.Variable([1.0, 2.0])
    with gt.GradientTape() as tape:
        y = x * 2.0
        z = gt.sum(gt.asarray(np.from_dlpack(y)) * 3.0)
    assert float(z) == 18.0
    with pytest.warns(gt.UnconnectedGradientWarning, match=r"__dlpack__\(\) made a number of a value"):
        assert tape.gradient(z, x) is None
    assert not np.from_dlpack(y).flags.writeable  # records may keep this memory
