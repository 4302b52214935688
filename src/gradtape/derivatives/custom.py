"""custom: a function with derivative rules of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from ..arrays.dtypes import is_floating
from ..context import active, observed_by
from ..errors import warn
from ..nest import flatten
from ..primitive import General, apply
from ..sweep import fit
from ..tensor import VirtualTensor, tensor
from .arguments import as_output, asarray, check_callable, zeros_like
from .outside import OuterValues


def custom(
    f: Callable[..., Any] | None = None, vjp: Callable[..., Any] | None = None, jvp: Callable[..., Any] | None = None
) -> Any:
    """f with derivative rules of your own; what is missing of the two is derived by transposition.

    `vjp(g, y, *args)`: a cotangent (or None) for each argument, from the cotangent g of the value y;
    `jvp(tangents, y, *args)`: the tangent of y. Arguments and value are arrays (the value may be a tuple of them:
    then y and g are tuples, g with zeros for what is unused); keyword arguments are passed to f alone. Rules made of
    gradtape's or NumPy's functions are differentiable again. Usable as a decorator with arguments. Raises
    ValueError if neither rule is given.

    >>> import gradtape as gt
    >>> cube = gt.custom(lambda x: x**3, vjp=lambda g, y, x: g * 3 * x**2)
    >>> float(gt.grad(cube)(2.0)), float(gt.jvp(cube, (2.0,), (1.0,))[1])
    (12.0, 12.0)
    """
    if f is None:
        return lambda function: custom(function, vjp, jvp)
    check_callable(f, "custom")
    if vjp is None and jvp is None:
        raise ValueError("gradtape.custom: give vjp or jvp, or both")

    def with_rules(*arguments: Any, **kwargs: Any) -> Any:
        inputs = [asarray(a) for a in arguments]
        name = getattr(f, "__name__", "function")
        structure: list[Any] = []

        def flat(*xs: Any) -> Any:
            leaves, shape = flatten(f(*xs, **kwargs))
            structure[:] = [shape]
            values = [as_output(leaf, name) for leaf in leaves]
            return values[0] if shape.parts is None else tuple(values)

        watcher = OuterValues(active())
        with observed_by((watcher,) if watcher.observers else ()):
            out = flat(*[tensor(x._data) for x in inputs])  # handles that nobody follows
        if watcher.used:
            warn(
                f"custom: {name} uses a value from outside its arguments that is being differentiated; its rule says "
                "nothing of that value, whose derivative is dropped. Pass it as an argument"
            )
        outputs = len(out) if isinstance(out, tuple) else 0
        out = apply(primitive_for(flat, vjp, jvp, name, len(inputs), outputs), *inputs)
        return out if outputs == 0 else structure[0].unflatten(out if isinstance(out, tuple) else (out,))

    return update_wrapper(with_rules, f)


def primitive_for(f: Callable[..., Any], vjp: Any, jvp: Any, name: str, arguments: int, outputs: int) -> General:
    """The primitive behind one call: f and its rules, none of whose own operations is recorded at f's level.

    `outputs`: 0 for a bare value, else the length of the tuple.
    """

    def kernel(*data: Any) -> Any:
        with observed_by(()):
            out = f(*[tensor(d) for d in data])
        if any([isinstance(part, VirtualTensor) for part in (out if isinstance(out, tuple) else (out,))]):
            raise TypeError(
                f"gradtape.custom: {name} uses a value from outside its arguments that belongs to a transform around "
                "it (vmap, jvp, ...): pass it as an argument"
            )
        if outputs == 0:
            return out._data
        values = tuple([part._data for part in out])
        return values if outputs > 1 else values[0]

    kernel.any_library = True  # type: ignore[attr-defined]

    def filled(parts: Any, like: Any) -> Any:
        return tuple([zeros_like(x) if t is None else t for t, x in zip(parts, like, strict=True)])

    def as_tuple(y: Any) -> Any:
        return y if outputs != 1 else (y,)

    def joint_vjp(g: Any, y: Any, *arguments: Any) -> Any:
        y = as_tuple(y)
        return fitted_vjp(filled(as_tuple(g), y) if outputs else g, y, *arguments)

    def fitted_vjp(g: Any, y: Any, *arguments: Any) -> Any:
        """vjp's cotangents in the shapes of the arguments: inside vmap of one example's, before all examples'."""
        parts = vjp(g, y, *arguments)
        parts = tuple(parts) if isinstance(parts, tuple | list) else (parts,)
        if len(parts) != len(arguments):
            raise ValueError(f"the vjp of {name} gave {len(parts)} cotangents for {len(arguments)} arguments")
        made: list[Any] = [p if p is None or hasattr(p, "shape") else asarray(p) for p in parts]
        for i, (p, x) in enumerate(zip(made, arguments, strict=True)):
            if p is not None and hasattr(x, "dtype") and is_floating(x.dtype):
                made[i] = fit(p, (x.shape, x.dtype))
        return tuple(made)

    def joint_jvp(tangents: Any, y: Any, *arguments: Any) -> Any:
        dy = jvp(filled(tangents, arguments), as_tuple(y), *arguments)
        if outputs == 0:
            return asarray(dy)
        return [asarray(d) for d in dy] if outputs > 1 else asarray(dy[0])

    def batch(size: int, values: Any, flags: Any) -> Any:
        from .vectorize import vmap

        axes = tuple([0 if flag else None for flag in flags])
        over_all = primitive_for(
            vmap(f, in_axes=axes),
            vjp and vmap(fitted_vjp, in_axes=(0, 0, *axes)),
            jvp and vmap(jvp, in_axes=(axes, 0, *axes)),
            name,
            arguments,
            outputs,
        )
        return apply(over_all, *values)

    return General(
        name,
        kernel,
        [f"x{i}" for i in range(arguments)],
        batch=batch,
        outputs=max(outputs, 1),
        register=False,
        joint_vjp=joint_vjp if vjp else None,
        joint_jvp=joint_jvp if jvp else None,
    )
