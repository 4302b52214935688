"""Elementwise functions: kernel's name, then the slope in each argument. Check it against a table of derivatives.

Guards are differentiable themselves, differences replace outputs where those saturate, nothing is squared that
could overflow. `singular` marks functions whose slope may be infinite or undefined somewhere.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .. import hotpath
from ..arrays import numpy_kernels as kernels
from ..arrays import series_kernels
from ..arrays.dtypes import kind_of, numpy_dtype
from ..primitive import FAST, PRODUCT, Elementwise, Linear, Zero, apply, scale, scale_either
from ..taylor_rules import Chosen, Equal, Flow, Solves
from ..tensor import Tensor, underlying
from .declare import (
    PRIMITIVE_OF,
    dtype_of,
    elementwise,
    finish,
    is_complex,
    operand,
    piecewise_constant,
    result_type,
    route,
)
from .untaped import untaped

LN2, LN10 = math.log(2.0), math.log(10.0)

# -- arithmetic --------------------------------------------------------------------------------------------------
add = elementwise("add", 1, 1, kernel=operator.add, doc="Sum a + b.")
subtract = elementwise("subtract", 1, -1, kernel=operator.sub, doc="Difference a - b.")
multiply = elementwise(
    "multiply", lambda b: b, lambda a: a, kernel=operator.mul, singular=True, series=PRODUCT, doc="Product a b."
)
FAST.multiply = multiply
def inverse(b: Any) -> Any:
    """1 / b; also for the Python number 0, where Python itself would raise."""
    return math.copysign(math.inf, b) if (type(b) is float or type(b) is int) and b == 0 else 1.0 / b


divide = elementwise(
    "divide", lambda b: inverse(b), lambda b, y: -(y / b), kernel=operator.truediv, singular=True,
    series=Solves(
        a=1, b=0, product=scale_either, quotient=lambda a, b: divide_absorbing(a, b), plain=operator.truediv
    ), doc="Quotient a / b.",
)  # fmt: skip
divide_absorbing = elementwise(
    "divide_absorbing",
    lambda b: 1 / b,
    lambda b, y: -divide_absorbing(y, b),
    kernel=kernels.divide_absorbing,
    singular=True,
    series=Solves(a=1, b=0, product=scale_either, plain=operator.truediv),
    doc="a / b, and 0 where a is 0 whatever b is.",
)
negative = elementwise("negative", -1, kernel=operator.neg, doc="Negation -x.")
positive = elementwise("positive", 1, kernel=operator.pos, doc="x itself.")


def power_slope_base(a: Any, b: Any) -> Any:
    """b a^(b-1), where a factor b == 0 makes 0 of it even at a == 0; so x**2 is right at 0 to every order."""
    if type(b) is int or type(b) is float:
        if b == 2:
            return 2 * a
        if b == 1 or b == 0:
            return b
        return b * (kernels.power(a, b - 1) if a.__class__ is np.ndarray else a ** (b - 1))
    return scale(b, power(a, b - 1))


def power_slope_exponent(a: Any, b: Any, y: Any) -> Any:
    """y log a, 0 where a is negative (there the function lives on integer exponents only)."""
    if type(a) is int or type(a) is float:  # stays a Python number, which is weak
        return scale(y, math.log(a) if a > 0 else 0.0 if a < 0 else -math.inf)
    return scale(y, log(a if is_complex(a) else where(a < 0, 1, a)))


def power_flow(da: Any, db: Any, a: Any, b: Any, y: Any) -> Any:
    """y (b a'/a + b' log a)."""
    rate = None if da is None else b * da / a
    if db is not None:
        more = db * power_slope_exponent(a, b, 1.0)
        rate = more if rate is None else rate + more
    return y * rate


def by_squaring(a: Any, b: Any) -> Any:
    """a ** b for a positive integer b by repeated multiplication, exact where a is 0."""
    n, y = int(b), None
    while n:
        if n & 1:
            y = a if y is None else y * a
        n >>= 1
        if n:
            a = a * a
    return y


TINY = 1e-30
SQUARING, POWER_FLOW = Equal(by_squaring), Flow(power_flow)


def power_series(a: Any, b: Any, y: Any) -> Any:
    """Products for positive integers b, which are right where a is 0; y' = y (b a'/a + ...) where y is far from 0."""
    if (type(b) is int or type(b) is float) and 1 <= b <= 64 and b == int(b):
        return SQUARING
    a, y = underlying(a), underlying(y)
    known = a is not None and y is not None
    far = known and np.all((np.abs(a) > 0) & (np.abs(y) > TINY) & (np.abs(y) < math.inf))
    return POWER_FLOW if far else None


power = elementwise(
    "power", power_slope_base, power_slope_exponent, kernel=kernels.power, singular=True, series=Chosen(power_series),
    doc="Power a ** b.",
)  # fmt: skip
anchored = elementwise(  # for a term of a sum, say 1 - y, whose value has a formula without cancellation
    "anchored", None, 1, kernel=kernels.first, doc="The value of a, with the derivatives of b, which is equal to it."
)
remainder = elementwise(
    "remainder", 1, lambda a, b: -floor_divide(a, b), kernel=operator.mod, doc="a - b floor(a / b)."
)
fmod = elementwise(  # rounding a / b may reach the next integer, which the remainder did not
    "fmod", 1, lambda a, b, y: rint((y - a) / b), doc="a - b trunc(a / b): the remainder has the sign of a."
)
pow = power
square = elementwise("square", lambda x: 2 * x, series=Equal(lambda x: x * x), doc="Square of x.")
sqrt = elementwise(
    "sqrt", lambda y: 0.5 / y, singular=True, series=Flow(lambda dx, y: divide_absorbing(0.5 * dx, y)),
    recurrence=series_kernels.sqrt,
    doc="Square root of x.",
)  # fmt: skip
cbrt = elementwise(
    "cbrt", lambda y: 1 / (3 * y * y), singular=True, series=Flow(lambda dx, y: divide_absorbing(dx, 3 * y * y)),
    doc="Real cube root of x.",
)  # fmt: skip
reciprocal = elementwise(
    "reciprocal", lambda y: -(y * y), kernel=kernels.reciprocal, singular=True, series=Equal(lambda x: 1 / x),
    doc="Reciprocal 1 / x.",
)  # fmt: skip
fabs = elementwise("fabs", lambda x: sign(x), doc="Absolute value of a real x.")
hypot = elementwise(
    "hypot", lambda a, b: cosine(a, b), lambda a, b: cosine(b, a), doc="sqrt(a^2 + b^2) without overflow."
)
cosine = elementwise(  # no squares: they overflow; no differences: near an axis they lose what is left
    "cosine",
    lambda a, b: ratio(cosine(b, a) * cosine(b, a), hypot(a, b)),
    lambda a, b: -ratio(cosine(a, b) * cosine(b, a), hypot(a, b)),
    kernel=kernels.cosine,
    doc="a / hypot(a, b), and 0 at the origin.",
)
copysign = elementwise(
    "copysign",
    route(lambda g, a, b: where(signbit(a) == signbit(b), g, -g)),
    None,
    doc="Magnitude of a with the sign of b.",
)

# -- exponentials and logarithms -------------------------------------------------------------------------------
exp = elementwise("exp", lambda y: y, singular=True, recurrence=series_kernels.exp, doc="e to the x.")
expm1 = elementwise("expm1", lambda x: exp(x), singular=True, kernel=kernels.expm1, doc="exp(x) - 1, accurate near 0.")
log = elementwise(
    "log", lambda x: 1 / x, singular=True, series=Flow(lambda dx, x: divide_absorbing(dx, x)),
    recurrence=series_kernels.log,
    doc="Natural logarithm of x.",
)  # fmt: skip
log1p = elementwise(
    "log1p", lambda x: 1 / (1 + x), singular=True, series=Flow(lambda dx, x: divide_absorbing(dx, 1 + x)),
    doc="log(1 + x), accurate near 0.",
)  # fmt: skip
log2 = elementwise(
    "log2", lambda x: 1 / (x * LN2), singular=True, series=Flow(lambda dx, x: divide_absorbing(dx, x * LN2)),
    doc="Logarithm of x to base 2.",
)  # fmt: skip
log10 = elementwise(
    "log10", lambda x: 1 / (x * LN10), singular=True, series=Flow(lambda dx, x: divide_absorbing(dx, x * LN10)),
    doc="Logarithm of x to base 10.",
)  # fmt: skip
logaddexp = elementwise(
    "logaddexp",
    lambda a, b: logistic(log_difference(a, b)),
    lambda a, b: logistic(log_difference(b, a)),
    doc="log(exp(a) + exp(b)) without overflow.",
)
logaddexp2 = elementwise(
    "logaddexp2",
    lambda a, b: logistic(log_difference(a, b) * LN2),
    lambda a, b: logistic(log_difference(b, a) * LN2),
    doc="log2(2**a + 2**b) without overflow.",
)
logistic = elementwise(
    "logistic", lambda x: logistic_slope(x), kernel=kernels.logistic, doc="1 / (1 + exp(-x)), also called expit."
)  # fmt: skip
logistic_slope = elementwise(  # of its own, for the derivative of a product of both tails cancels near 0
    "logistic_slope", lambda x, y: -y * tanh(0.5 * x), kernel=kernels.logistic_slope, doc="The derivative of logistic."
)

_EXP2 = Elementwise("exp2", kernels.exp2_times, (lambda x, order: exp2_derivative(x, order + 1),), singular=True)


def exp2_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of 2**x; finite where 2**x itself overflows but the derivative does not."""
    return apply(_EXP2, x, order=order)


@untaped("np.exp2(x)", when="x.dtype.kind == 'f'")
def exp2(x: Any, /) -> Any:
    """2 to the x. Elementwise; raises TypeError for what is no array."""
    return exp2_derivative(operand(x, "exp2", "x"), 0)


def log_difference(a: Any, b: Any) -> Any:
    """a - b, and 0 where both are the same infinity."""
    return where((a == b) & isinf(a), 0.0, a - b)


# -- trigonometric and hyperbolic ------------------------------------------------------------------------------
sin = elementwise("sin", lambda x: cos(x), recurrence=series_kernels.sin, doc="Sine of x, in radians.")
cos = elementwise("cos", lambda x: -sin(x), recurrence=series_kernels.cos, doc="Cosine of x, in radians.")
tan = elementwise("tan", lambda y: 1 + y * y, doc="Tangent of x, in radians.")
one_minus_square = elementwise(  # of its own, for its derivative as a product loses small x
    "one_minus_square", lambda x: -2 * x, kernel=kernels.one_minus_square, doc="1 - x^2, accurate near its zeros."
)
asin = elementwise(
    "asin", lambda x: 1 / sqrt(one_minus_square(x)), kernel=np.arcsin, singular=True, doc="Inverse sine, in radians."
)
acos = elementwise(
    "acos", lambda x: -1 / sqrt(one_minus_square(x)), kernel=np.arccos, singular=True,
    doc="Inverse cosine, in radians.",
)  # fmt: skip
atan = elementwise(
    "atan", lambda x: 1 / (1 + x * x), kernel=np.arctan, series=Flow(lambda dx, x: dx / (1 + x * x)),
    doc="Inverse tangent, in radians.",
)  # fmt: skip
atan2 = elementwise(
    "atan2",
    lambda a, b: ratio(cosine(b, a), hypot(a, b)),
    lambda a, b: -ratio(cosine(a, b), hypot(a, b)),
    kernel=np.arctan2,
    doc="Angle of the point (b, a), in radians.",
)
sinh = elementwise("sinh", lambda x: cosh(x), singular=True, doc="Hyperbolic sine.")
cosh = elementwise("cosh", lambda x: sinh(x), singular=True, doc="Hyperbolic cosine.")
tanh = elementwise(
    "tanh", lambda x: sech_squared(x), kernel=kernels.tanh, raw_pulls=(kernels.over_cosh_squared,),
    series=Flow(lambda dx, x, y: dx * anchored(sech_squared(x), 1 - y * y)), recurrence=series_kernels.tanh,
    doc="Hyperbolic tangent.",
)  # fmt: skip
sech_squared = elementwise(  # not 1 - y * y: that loses the tail
    "sech_squared", lambda x, y: -2 * y * tanh(x), kernel=kernels.sech_squared, doc="1 / cosh(x)^2."
)
asinh = elementwise(
    "asinh", lambda x: reciprocal_hypot(x), kernel=np.arcsinh, doc="Inverse hyperbolic sine."
)
acosh = elementwise(
    "acosh", lambda x: 1 / (sqrt(x - 1) * sqrt(x + 1)), kernel=np.arccosh, singular=True,
    doc="Inverse hyperbolic cosine.",
)  # fmt: skip
atanh = elementwise(
    "atanh", lambda x: 1 / one_minus_square(x), kernel=np.arctanh, singular=True, doc="Inverse hyperbolic tangent."
)
deg2rad = elementwise("deg2rad", math.pi / 180, doc="Degrees to radians.")
rad2deg = elementwise("rad2deg", 180 / math.pi, doc="Radians to degrees.")


degrees, radians = rad2deg, deg2rad

_SINC = Elementwise("sinc", kernels.sinc, (lambda x, order: sinc_derivative(x, order + 1),))


def sinc_derivative(x: Any, order: int) -> Any:
    """The derivative of that order of sin(pi x) / (pi x), which is smooth at 0."""
    return apply(_SINC, x, order=order)


def sinc(x: Any, /) -> Any:
    """sin(pi x) / (pi x), and 1 at 0. Elementwise; raises TypeError for what is no array.

    >>> import gradtape as gt
    >>> float(gt.sinc(0.0)), float(gt.grad(gt.sinc)(0.0))
    (1.0, 0.0)
    """
    return sinc_derivative(operand(x, "sinc", "x"), 0)


def reciprocal_hypot(x: Any) -> Any:
    """1 / sqrt(1 + x^2), for real x without a square."""
    return 1 / (sqrt(1 + x * x) if is_complex(x) else hypot(1.0, x))


# -- selecting ---------------------------------------------------------------------------------------------------
_WHERE = Elementwise(
    "where",
    kernels.where,
    (None, route(lambda g, c: select(g, c)), route(lambda g, c: select(g, c, False))),
    arguments=("c", "a", "b"),
)
_SELECT = Linear(
    "select",
    kernels.select,
    lambda g, i, specs, saved, when: apply(_SELECT, g, saved[1], when=when),
    batch="align",
    arguments=("g", "c"),
    linear=(0,),
)


def select(g: Any, condition: Any, when: bool = True) -> Any:
    """g where the condition is `when`, else 0: how a cotangent is routed; an infinite one elsewhere is dropped."""
    return apply(_SELECT, g, condition, when=when)


where = finish(
    hotpath.several(
        _WHERE,
        lambda c, a, b: apply(
            _WHERE, operand(c, "where", "condition"), operand(a, "where", "x1"), operand(b, "where", "x2")
        ),
    ),
    "where",
    """a where the condition c holds, else b; the branch not taken gets no gradient, whatever is in it.

    Shapes broadcast. Raises TypeError for what is no array.

    >>> import gradtape as gt
    >>> float(gt.grad(lambda x: gt.where(x > 0, gt.sqrt(x), 0.0))(-1.0))
    0.0
    """,
)


_NAN_TO_NUM = Elementwise("nan_to_num", kernels.nan_to_num, (route(lambda g, x: select(g, isfinite(x))),))


@untaped("np.nan_to_num(x, True, nan, posinf, neginf)")
def nan_to_num(x: Any, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """x with numbers in place of NaN and the infinities (None: the largest there are), which get no gradient.

    Elementwise; raises TypeError for what is no array.

    >>> import gradtape as gt
    >>> float(gt.nan_to_num(float("nan")))
    0.0
    """
    return apply(_NAN_TO_NUM, operand(x, "nan_to_num", "x"), nan=nan, posinf=posinf, neginf=neginf)


@untaped("x1 ** x2", arrays="x1 x2", when="x1.dtype is DOUBLE is x2.dtype", DOUBLE=kernels.DOUBLE)
def float_power(x1: Any, x2: Any, /) -> Any:
    """x1 ** x2 in double precision at least, so that integers too have negative powers.

    Elementwise; shapes broadcast. Raises TypeError for what is no array.

    >>> import gradtape as gt
    >>> float(gt.float_power(2, -1))
    0.5
    """
    from .manipulation import astype

    x1, x2 = operand(x1, "float_power", "x1"), operand(x2, "float_power", "x2")
    return power(*[astype(x, result_type(x, np.dtype(np.float64))) for x in (x1, x2)])


def ratio(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0: a direction, with the origin's taken as 0."""
    zero = b == 0
    return where(zero, 0, a / where(zero, 1, b))


_SHARE = Linear(
    "share",
    kernels.share,
    lambda g, i, specs, saved, larger, with_nan: apply(_SHARE, g, *saved[1:], larger=larger, with_nan=with_nan),
    batch="align",
    arguments=("g", "a", "b"),
    linear=(0,),
)


def _extreme(name: str, larger: bool, with_nan: bool, doc: str) -> Any:
    """The larger or smaller of two: it gets the gradient, at a tie half of it; `with_nan`: NaN counts as chosen."""
    return elementwise(
        name,
        route(lambda g, a, b: apply(_SHARE, g, a, b, larger=larger, with_nan=with_nan)),
        route(lambda g, a, b: apply(_SHARE, g, b, a, larger=larger, with_nan=with_nan)),
        doc=doc,
    )


maximum = _extreme("maximum", True, True, "The larger of a and b; at a tie each gets half of the gradient.")
minimum = _extreme("minimum", False, True, "The smaller of a and b; at a tie each gets half of the gradient.")
fmax = _extreme("fmax", True, False, "The larger of a and b, ignoring NaN; at a tie each gets half of the gradient.")
fmin = _extreme("fmin", False, False, "The smaller of a and b, ignoring NaN; at a tie each gets half of the gradient.")
_CLIP = Elementwise(
    "clip",
    kernels.clip,
    (
        route(lambda g, x, low, high: select(g, (x >= low) & (x <= high))),
        route(lambda g, x, low, high: select(g, (x < low) & (low <= high))),
        route(lambda g, x, low, high: select(g, (x > high) | (low > high))),
    ),
    arguments=("x", "low", "high"),
)


@untaped(
    "np.minimum(np.maximum(x, min), max)",
    when="min.__class__ in NUMBERS and max.__class__ in NUMBERS and x.dtype.kind == 'f'",
    NUMBERS=frozenset([int, float]),
)
def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """x limited to the interval [min, max]; a bound itself still passes the gradient to x.

    Shapes broadcast; None means no bound; the dtype is x's where the bounds are numbers.

    >>> import gradtape as gt
    >>> float(gt.clip(5.0, 0.0, 1.0))
    1.0
    """
    low = -math.inf if min is None else operand(min, "clip", "min")
    high = math.inf if max is None else operand(max, "clip", "max")
    x = operand(x, "clip", "x")
    if min is None and max is None:
        return positive(x)
    if kind_of(dtype_of(x)) in ("i", "u", "b"):  # no infinite bounds among integers
        limits = np.iinfo(numpy_dtype(x.dtype))
        low = low if min is not None else limits.min
        high = high if max is not None else limits.max
    return apply(_CLIP, x, low, high)


# -- complex numbers ---------------------------------------------------------------------------------------------
_REAL = Linear("real", np.real, lambda g, x: g, batch="align")
_IMAG = Linear("imag", np.imag, lambda g, x: g * -1j, batch="align")
_NO_IMAG = Zero("imag_of_real", np.imag, ("x",), batch="align")
_CONJ = Linear("conj", np.conj, lambda g, x: conj(g), batch="align")
_COMPLEX = Linear(
    "complex", kernels.complex_of, lambda g, i, specs, saved: real(g) if i == 0 else -imag(g), batch="align",
    arguments=("a", "b"),
)  # fmt: skip
_ABS = elementwise("abs", lambda x: sign(x), doc="")
# A path with the slope 0 (not Zero: no path), as users of TensorFlow, JAX and PyTorch expect; y == 2 never holds.
_SIGN = elementwise("sign", route(lambda g, y: where(y == 2, g, 0)), doc="")
_ANGLE = Zero("angle_of_real", np.angle, ("x",), batch="align")


@untaped("x.real")
def real(x: Any, /) -> Any:
    """Real part of x; x itself if it is real."""
    x = operand(x, "real", "x")
    if is_complex(x):
        return apply(_REAL, x)
    return x if kind_of(dtype_of(x)) == "b" else positive(x)  # no `+` of booleans


@untaped("x.imag")
def imag(x: Any, /) -> Any:
    """Imaginary part of x; zeros if it is real."""
    x = operand(x, "imag", "x")
    return apply(_IMAG if is_complex(x) else _NO_IMAG, x)


@untaped("np.conj(x)")
def conj(x: Any, /) -> Any:
    """Complex conjugate of x; x itself if it is real (bools as int8, as NumPy has it)."""
    x = operand(x, "conj", "x")
    if kind_of(dtype_of(x)) == "b":
        return multiply(x, np.int8(1))
    return apply(_CONJ, x) if is_complex(x) else positive(x)


def complex(real: Any, imag: Any) -> Any:
    """The complex numbers real + i imag, from two real arrays whose shapes broadcast."""
    return apply(_COMPLEX, operand(real, "complex", "real"), operand(imag, "complex", "imag"))


IS_COMPLEX = "d.dtype is not DOUBLE and d.dtype.kind == 'c'"
abs = finish(
    hotpath.unary(
        PRIMITIVE_OF["abs"], lambda x: hypot(real(x), imag(x)) if is_complex(x) else _ABS(x), unless=IS_COMPLEX
    ),
    "abs",
    """Absolute value of x (of a complex x: its modulus); the slope at 0 is 0.

    >>> import gradtape as gt
    >>> float(gt.abs(3 + 4j))
    5.0
    """,
)


@untaped("np.angle(x)")
def angle(x: Any, /) -> Any:
    """Argument of a complex x, in radians."""
    x = operand(x, "angle", "x")
    return atan2(imag(x), real(x)) if is_complex(x) else apply(_ANGLE, x)


sign = finish(
    hotpath.unary(PRIMITIVE_OF["sign"], lambda x: ratio(x, abs(x)) if is_complex(x) else _SIGN(x), unless=IS_COMPLEX),
    "sign",
    "-1, 0 or 1 by the sign of x; z / |z| for complex z.",
)


# -- piecewise constant ------------------------------------------------------------------------------------------
floor = piecewise_constant("floor", doc="Largest integer not above x.")
ceil = piecewise_constant("ceil", doc="Smallest integer not below x.")
trunc = piecewise_constant("trunc", doc="x rounded towards 0.")
rint = piecewise_constant("rint", doc="x rounded to the nearest even integer.")
floor_divide = piecewise_constant("floor_divide", 2, kernels.floor_divide, doc="floor(a / b).")
signbit = piecewise_constant("signbit", doc="Whether the sign bit of x is set.")
isfinite = piecewise_constant("isfinite", doc="Whether x is finite.")
isinf = piecewise_constant("isinf", doc="Whether x is infinite.")
isnan = piecewise_constant("isnan", doc="Whether x is NaN.")
nextafter = piecewise_constant("nextafter", 2, doc="The number after a in the direction of b.")
heaviside = piecewise_constant("heaviside", 2, doc="0 for a < 0, b for a == 0, 1 for a > 0.")
equal = piecewise_constant("equal", 2, operator.eq, doc="a == b.")
not_equal = piecewise_constant("not_equal", 2, operator.ne, doc="a != b.")
less = piecewise_constant("less", 2, operator.lt, doc="a < b.")
less_equal = piecewise_constant("less_equal", 2, operator.le, doc="a <= b.")
greater = piecewise_constant("greater", 2, operator.gt, doc="a > b.")
greater_equal = piecewise_constant("greater_equal", 2, operator.ge, doc="a >= b.")
logical_and = piecewise_constant("logical_and", 2, doc="Whether both a and b are true.")
logical_or = piecewise_constant("logical_or", 2, doc="Whether a or b is true.")
logical_xor = piecewise_constant("logical_xor", 2, doc="Whether just one of a and b is true.")
logical_not = piecewise_constant("logical_not", doc="Whether x is false.")
bitwise_and = piecewise_constant("bitwise_and", 2, operator.and_, doc="a & b, bit by bit.")
bitwise_or = piecewise_constant("bitwise_or", 2, operator.or_, doc="a | b, bit by bit.")
bitwise_xor = piecewise_constant("bitwise_xor", 2, operator.xor, doc="a ^ b, bit by bit.")
bitwise_left_shift = piecewise_constant("bitwise_left_shift", 2, operator.lshift, doc="a << b.")
bitwise_right_shift = piecewise_constant("bitwise_right_shift", 2, operator.rshift, doc="a >> b.")
bitwise_invert = piecewise_constant("bitwise_invert", kernel=operator.invert, doc="~x, bit by bit.")
_ROUND = Zero("round", np.round, ("x",), batch="align")
_STOP = Zero("stop_gradient", kernels.identity, ("x",), batch="align")


@untaped("x.round(decimals)")
def round(x: Any, /, decimals: int = 0) -> Any:
    """x rounded to that many decimals (halves to even); its slope is 0."""
    return apply(_ROUND, operand(x, "round", "x"), decimals=decimals)


def stop_gradient(x: Any) -> Any:
    """The value of x as a constant: every derivative takes it as fixed. Containers are mapped over.

    >>> import gradtape as gt
    >>> float(gt.grad(lambda x: x * gt.stop_gradient(x))(3.0))
    3.0
    """
    from ..nest import map_leaves

    return map_leaves(lambda leaf: apply(_STOP, leaf) if isinstance(leaf, Tensor) else leaf, x)


__all__ = [
    "abs", "acos", "acosh", "add", "angle", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and",
    "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "cbrt", "ceil",
    "clip", "complex", "conj", "copysign", "cos", "cosh", "deg2rad", "degrees", "divide", "equal", "exp", "exp2",
    "expm1", "fabs", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "greater", "greater_equal",
    "heaviside", "hypot", "imag", "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log10", "log1p",
    "log2", "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum",
    "minimum", "multiply", "nan_to_num", "negative", "nextafter", "not_equal", "positive", "pow", "power", "rad2deg",
    "radians", "real", "reciprocal", "remainder", "rint", "round", "sign", "signbit", "sin", "sinc", "sinh", "sqrt",
    "square", "stop_gradient", "subtract", "tan", "tanh", "trunc", "where",
]  # fmt: skip
