"""Every primitive in every mode, from the one table of samples."""

from __future__ import annotations

import importlib
import pkgutil
import warnings

import numpy as np
import pytest

import gradtape as gt
from gradtape.nest import flatten
from gradtape.primitive import REGISTRY, Zero

from . import samples
from .checks import Case, check_batch, check_orders, check_series, check_shapes_and_dtypes, check_sums_of_derivatives
from .samples import SAMPLES, Sample

for module in pkgutil.iter_modules(samples.__path__):
    importlib.import_module(f"{samples.__name__}.{module.name}")


def differentiated(s: Sample) -> tuple[int, ...]:
    """The arguments that are differentiated: the floating ones."""
    if s.wrt is not None:
        return s.wrt
    return tuple(i for i, a in enumerate(s.arguments) if a.dtype.kind in "fc")


def flows(s: Sample) -> bool:
    """Whether a derivative flows through the sample at all: into a floating argument, out of a floating value."""
    if isinstance(REGISTRY.get(s.primitive), Zero) or not differentiated(s):
        return False
    with np.errstate(all="ignore"):
        outputs = flatten(s.function(*s.arguments))[0]
    return any(y.dtype.kind in "fc" for y in outputs)


every = pytest.mark.parametrize("s", SAMPLES, ids=str)
FLOWING = [s for s in SAMPLES if flows(s)]
flowing = pytest.mark.parametrize("s", FLOWING, ids=str)
smooth = pytest.mark.parametrize("s", [s for s in FLOWING if s.smooth], ids=str)
batched = pytest.mark.parametrize("s", [s for s in FLOWING if s.batched], ids=str)
constant = pytest.mark.parametrize(
    "s", [s for s in SAMPLES if s not in FLOWING and s.batched and differentiated(s)], ids=str
)


def test_every_primitive_has_samples() -> None:
    missing = sorted(set(REGISTRY) - {s.primitive for s in SAMPLES})
    assert not missing, f"primitives without samples: {missing}"


def test_every_sample_is_of_a_primitive() -> None:
    unknown = sorted({s.primitive for s in SAMPLES} - set(REGISTRY))
    assert not unknown, f"samples of no primitive: {unknown}"


@every
def test_value(s: Sample) -> None:
    """On Tensors, with and without a tape, and on plain arrays: the same value, and NumPy's where there is one."""
    with np.errstate(all="ignore"):
        plain = flatten(s.function(*s.arguments))[0]
        tensors = [gt.asarray(a) for a in s.arguments]
        free = flatten(s.function(*tensors))[0]
        with gt.GradientTape() as tape:
            tape.watch([t for t in tensors if t.dtype.kind in "fc"])
            recorded = flatten(s.function(*tensors))[0]
        for p, t, r in zip(plain, free, recorded, strict=True):
            p = p.numpy() if isinstance(p, gt.Tensor) else np.asarray(p)
            rounding = 1e-14 if "rounding" in s.tags else 0.0  # sums whose order depends on where arrays lie in memory
            np.testing.assert_allclose(t.numpy(), p, rtol=rounding, atol=0)
            np.testing.assert_allclose(r.numpy(), p, rtol=rounding, atol=0)
            assert t.dtype == p.dtype
        if s.numpy is not None:
            for p, w in zip(free, flatten(s.numpy(*s.arguments))[0], strict=True):
                np.testing.assert_allclose(p.numpy(), w, rtol=1e-12 * s.tolerance, atol=1e-13 * s.tolerance)
                assert p.shape == np.shape(w)


@smooth
def test_orders(s: Sample) -> None:
    """Reverse, forward and their mixes at orders 1 to 3, against numbers."""
    check_orders(Case(s.function, s.arguments, differentiated(s)), s.order, s.tolerance)


@flowing
def test_shapes_and_dtypes(s: Sample) -> None:
    """Gradients live in their arguments' spaces, in double and in single precision."""
    with np.errstate(all="ignore"):
        check_shapes_and_dtypes(Case(s.function, s.arguments, differentiated(s)))
        if "double" in s.tags:
            return
        single = [
            a.astype({"f": np.float32, "c": np.complex64}[a.dtype.kind]) if a.dtype.kind in "fc" else a
            for a in s.arguments
        ]
        check_shapes_and_dtypes(Case(s.function, single, differentiated(s)))
        for y in flatten(s.function(*[gt.asarray(a) for a in single]))[0]:
            assert y.dtype.kind not in "fc" or y.dtype.itemsize <= 8, f"single precision became {y.dtype}"


#: What NumPy has in no half precision: its linear algebra.
NO_HALVES = ["array type float16 is unsupported in linalg"]
#: Samples with constants of their own, in double precision.
WITH_DOUBLES = [
    "add[arange]", "concat[mixed]", "eig[moduli of vectors]", "gap_quotient[0 / 0]", "gather[linspace]",
    "power[powers of zero]", "scale[zero absorbs]", "scale_either[zero absorbs]", "sigmoid_cross_entropy[3]",
]  # fmt: skip


@pytest.mark.parametrize("s", [s for s in FLOWING if not any([a.dtype.kind == "c" for a in s.arguments])], ids=str)
def test_half_precision(s: Sample) -> None:
    """Values, gradients and tangents of float16 are float16, or NumPy's own refusal."""
    halves = [a.astype(np.float16) if a.dtype.kind == "f" else a for a in s.arguments]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_shapes_and_dtypes(Case(s.function, halves, differentiated(s)))
            outputs = flatten(s.function(*[gt.asarray(a) for a in halves]))[0]
        except TypeError as error:
            if str(error) not in NO_HALVES:
                raise
            pytest.skip(str(error))
    if "double" not in s.tags and s.primitive not in ("lambertw", "sparse_matmul") and str(s) not in WITH_DOUBLES:
        assert all([y.dtype in (np.float16, np.complex64) for y in outputs if y.dtype.kind in "fc"])


@batched
def test_batch(s: Sample) -> None:
    """vmap of value, gradient and pushforward against a loop."""
    with np.errstate(all="ignore"):
        check_batch(Case(s.function, s.arguments, differentiated(s)), 1e-9 * s.tolerance)


@flowing
def test_series(s: Sample) -> None:
    """Taylor coefficients of orders 1 to 3 against nested forward mode; the 0th is the kernel's to the last bit."""
    with np.errstate(all="ignore"):
        check_series(Case(s.function, s.arguments, differentiated(s)), s.order, 1e-9 * s.tolerance)


@flowing
def test_sums_of_derivatives(s: Sample) -> None:
    """The forward Laplacian and collapsed Taylor series against uncollapsed ones."""
    case = Case(s.function, s.arguments, differentiated(s))
    case.batched = s.batched
    with np.errstate(all="ignore"):
        check_sums_of_derivatives(case, 1e-9 * s.tolerance)


@constant
def test_nothing_flows_through_a_piecewise_constant_function_and_its_batch_is_right(s: Sample) -> None:
    """No gradient arrives, and vmap gives what a loop gives."""
    which = differentiated(s)
    axes = tuple(0 if i in which else None for i in range(len(s.arguments)))
    stacks = [np.stack([a, a]) if i in which else a for i, a in enumerate(s.arguments)]
    with np.errstate(all="ignore"):
        alone = flatten(s.function(*s.arguments))[0]
        together = flatten(gt.vmap(s.function, in_axes=axes)(*stacks))[0]
        for one, both in zip(alone, together, strict=True):
            one = one.numpy() if isinstance(one, gt.Tensor) else np.asarray(one)
            np.testing.assert_array_equal(both.numpy(), np.stack([one, one]))
        tensors = [gt.asarray(a) for a in s.arguments]
        with gt.GradientTape() as tape:
            tape.watch([tensors[i] for i in which])
            out = flatten(s.function(*tensors))[0]
        assert tape.gradient(out, [tensors[i] for i in which]) == [None] * len(which)
