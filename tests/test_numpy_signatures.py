"""Every function of NumPy's that has a rule, called on Tensors in the ways of its signature: as NumPy itself.

Values, shapes and dtypes are NumPy's. What NumPy refuses is refused: without a tape by an error of the same kind,
while a tape watches the floats by any.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import gradtape as gt
from gradtape.interop import numpy_functions, numpy_protocols

from .numpy_calls import Call, calls, in_dtype, path, perform

UFUNCS = [f for f in vars(np).values() if isinstance(f, np.ufunc) and numpy_protocols.find(f)]
#: Those that NumPy has changed since 2.0: wrong modes and fractions were taken then, several axes of size and norms of
#: nothing were refused, and corrcoef and in1d had arguments that did nothing.
CHANGED = "choose corrcoef in1d linalg.cond linalg.matrix_norm linalg.norm linalg.vector_norm roll size take trim_zeros"
LEFT_OUT = CHANGED.split() if np.lib.NumpyVersion(np.__version__) < "2.4.0" else []
FUNCTIONS = {path(f): f for f in [*numpy_functions.RULES, *UFUNCS] if path(f) not in LEFT_OUT}
DTYPES = [np.float64, np.float32, np.complex64, np.complex128, np.int64, bool]


def on_tensors(node: Any, tape: gt.GradientTape | None) -> Any:
    """The same arguments with Tensors in place of arrays; the tape watches those that it can."""
    if isinstance(node, np.ndarray):
        x = gt.asarray(node)
        if tape is not None and node.dtype.kind in "fc":
            tape.watch(x)
        return x
    if type(node) in (list, tuple):
        return type(node)([on_tensors(part, tape) for part in node])
    return {key: on_tensors(part, tape) for key, part in node.items()} if type(node) is dict else node


def outcome(call: Call, dtype: Any, tape: Any = None, convert: Any = on_tensors) -> Any:
    """What a call gives, or the error that it raises."""
    arguments, keywords = in_dtype(call.arguments, dtype), in_dtype(call.keywords, dtype)
    try:
        return perform(call, convert(arguments, tape), convert(keywords, tape))
    except Exception as error:
        return error


def difference(got: Any, wanted: Any, eps: float, kinds: bool) -> str:
    """How a result is not NumPy's; "" if it is."""
    if isinstance(wanted, Exception):
        kind = TypeError if isinstance(wanted, TypeError) else type(wanted)  # those of universal functions are private
        right = isinstance(got, kind if kinds else Exception)
        return "" if right else f"{type(got).__name__} {got!s:.100} for {type(wanted).__name__}: {wanted!s:.100}"
    if isinstance(got, Exception):
        return f"{type(got).__name__}: {got!s:.200}"
    if isinstance(wanted, tuple | list):
        if isinstance(got, list) is not isinstance(wanted, list) or len(got) != len(wanted):
            return f"{type(got).__name__} of {len(got)}"
        return "; ".join(filter(None, [difference(g, w, eps, kinds) for g, w in zip(got, wanted, strict=True)]))
    if not isinstance(wanted, np.ndarray | np.generic):
        return "" if got is wanted or np.all(got == wanted) else f"{got!r} for {wanted!r}"
    got = np.asarray(got.numpy() if isinstance(got, gt.Tensor) else got)
    if (got.dtype, got.shape) != (wanted.dtype, wanted.shape):
        return f"{got.dtype}{got.shape} for {wanted.dtype}{wanted.shape}"
    if got.dtype.kind not in "fc":
        return "" if np.array_equal(got, wanted) else f"{got} for {wanted}"
    scale = np.max(np.abs(wanted), initial=1, where=np.isfinite(wanted))
    eps = 100 * max(eps, np.finfo(got.dtype).eps)
    return "" if np.allclose(got, wanted, eps, eps * scale, equal_nan=True) else f"{got} for {wanted}"


#: What of a result is compared: of empty_like the shape, of eigenvectors all but the phase, of sets and parts all but
#: the order.
COMPARED = {
    "empty_like": np.zeros_like, "partition": lambda y: np.sort(y, axis=None), "argpartition": np.shape,
    "unique_values": lambda y: np.sort(y, axis=None),
    "eig": lambda y: tuple(map(np.abs, y)), "eigh": lambda y: tuple(map(np.abs, y)),
    "svd": lambda y: tuple(map(np.abs, y)) if isinstance(y, tuple) else y,
}  # fmt: skip


def compared(call: Call, result: Any) -> Any:
    key = COMPARED.get(call.function.__name__)
    return result if key is None or isinstance(result, Exception) else key(result)


REFUSED = "t: NoRuleError: numpy.* has (no|a) rule in gradtape"
AN_AXIS = "t: AxisError: gradtape"
#: What may differ: the calls, what is said of them ("p" without a tape, "t" while one watches), and why.
PLANNED = [
    # -- options without a rule: the error names them
    ("(nan)?(quantile|percentile).* weights=|cov .*weights|polyfit .*(full|cov)=", REFUSED, "rare"),
    ("(intersect1d|setdiff1d|setxor1d).*(assume_unique|return_indices)", REFUSED, "nothing to differentiate in them"),
    ("correlate other.*mode='same'|gradient .*(edge_order|places)|interp .*period", REFUSED, "rare"),
    ("pad .*mode|linalg.qr .*mode='raw'", REFUSED, "rare"),
    ("(nan)?(mean|var|std) .*dtype=(int64|bool|float32)", REFUSED, "would cut the gradient"),
    ("(nan)?(var|std) .*mean=", REFUSED, "rare"),
    ("(reshape|ravel) .*order='F'", REFUSED, "Tensors have no memory order"),
    (r"\w+\.reduce .*(axis|where)", "t: NoRuleError", "folded one by one, along an axis"),
    ("(as)?array|full", "t: LostGradientError", "they make plain arrays; gradtape.asarray does not"),
    # -- other refusals of gradtape's
    ("(ptp|squeeze|repeat|take|argsort) number", AN_AXIS, "NumPy lets an axis of a number pass"),
    ("diff number n=0", AN_AXIS, "an axis of a number"),
    (r"(cumulative_\w+|unstack) .*axis=\(1,\)", "t: TypeError: 'tuple' object", "axis is an integer"),
    (r"linalg.(vector_)?norm .*axis=1.0", "[pt]: TypeError:? 'float' object", "axis is an integer"),
    ("linalg.matrix_norm (vector|number)", "p: ValueError gradtape", "gradtape's own, which does not overflow"),
    ("cross .*axisa?=0", "t: ValueError: gradtape.cross", "vectors of two components, which NumPy gives up"),
    ("stack not dtype", "p: TypeError", "two things are wrong"),
    # -- accidents of NumPy's
    (r"\w+(\.reduce)? number.* where", "[pt]: .*for ValueError", "a number may have a mask, an array of no axes not"),
    ("average .*axis=", "t: Tensor .* for ZeroDivisionError", "of nothing"),
    ("(median|percentile|quantile) (nothing|no rows).*axis", "t: Tensor .* for ValueError", "of nothing along no axis"),
    ("fft.i?fftshift number|fft.ifft2 number.*None", "t: ", "of a number"),
    ("fft.irfftn? nothing", "[pt]: ", "it reads memory beyond its input"),
    (r"(arctan2|power)\.reduce", "t: ", "its loops for vectors lose the running value"),
    # -- gradtape's on purpose
    (r"floor_divide\.reduce .*initial", r"t: \[.*inf", "inf // 4 is inf, as the standard has it"),
]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_tensors_give_what_numpy_gives(name):
    bad = []
    for call in calls(FUNCTIONS[name]):
        for dtype in DTYPES:
            wanted = compared(call, outcome(call, dtype, convert=lambda node, tape: node))
            eps = np.finfo(dtype).eps if np.dtype(dtype).kind in "fc" else 0.0
            with np.errstate(all="ignore"):
                said = [difference(compared(call, outcome(call, dtype)), wanted, eps, kinds=True)]
                with gt.GradientTape() as tape:
                    said.append(difference(compared(call, outcome(call, dtype, tape)), wanted, eps, kinds=False))
            for mode, text in zip("pt", said, strict=True):
                if text and not any(re.match(p[0], call.label) and re.search(p[1], f"{mode}: {text}") for p in PLANNED):
                    bad.append(f"{call.label} | {mode} {np.dtype(dtype)} | {text}")
    assert not bad, "\n".join(bad[:40]) + f"\n{len(bad)}"
