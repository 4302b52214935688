"""gradtape in the terms of an external table of derivative traps (see test_traps.py).

The table's module gives a class `Base`, of which an adapter is made for each library and mode: functions by NumPy's
and SciPy's names, constants, and a gradient that nests and is 0 where nothing is connected.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradtape as gt


def adapters(traps: Any) -> dict[str, type]:
    """Adapters of gradtape by mode, made for the table's module."""

    class Reverse(traps.Base):  # type: ignore[misc,name-defined]
        """By nested reverse mode."""

        name = "gradtape"

        def setup(self) -> None:
            self.spaces = [gt] + [getattr(gt, name) for name in ("linalg", "special", "nn", "fft") if hasattr(gt, name)]
            linalg = getattr(gt, "linalg", None)
            special = getattr(gt, "special", None)
            self.table = {
                "arcsin": gt.asin, "arccos": gt.acos, "arctan": gt.atan, "arctan2": gt.atan2,
                "arcsinh": gt.asinh, "arccosh": gt.acosh, "arctanh": gt.atanh, "mod": gt.remainder,
                "cast": gt.astype, "dtype": lambda x: str(x.dtype), "take": lambda x, i: x[np.asarray(i)],
                "sigmoid": getattr(special, "expit", None), "logsigmoid": getattr(gt.nn, "log_sigmoid", None),
                "fft": getattr(getattr(gt, "fft", None), "fft", None),
            }  # fmt: skip
            if linalg is not None:
                self.table["slogdet"] = lambda a: linalg.slogdet(a)[1]
                self.table["eigh"] = lambda a: tuple(linalg.eigh(a))
                self.table["svd"] = lambda a: tuple(linalg.svd(a, full_matrices=False))

        def const(self, x: Any, dtype: str = "float64") -> Any:
            return gt.constant(np.asarray(x), dtype=dtype)

        def numpy(self, x: Any) -> Any:
            return x.numpy() if isinstance(x, gt.Tensor) else np.asarray(x)

        def grad(self, f: Any, argnum: int = 0) -> Any:
            return gt.grad(f, argnums=argnum)

    class Tape(Reverse):
        """By nested tapes."""

        name = "gradtape-tape"

        def grad(self, f: Any, argnum: int = 0) -> Any:
            def gradient(*args: Any) -> Any:
                x = +gt.asarray(args[argnum])
                with gt.GradientTape() as tape:
                    tape.watch(x)
                    y = gt.asarray(f(*args[:argnum], x, *args[argnum + 1 :]))
                return tape.gradient(y, x, unconnected_gradients="zero")

            return gradient

    class Forward(Reverse):
        """By nested forward mode."""

        name = "gradtape-fwd"

        def grad(self, f: Any, argnum: int = 0) -> Any:
            by_columns = gt.jacobian(f, argnums=argnum, mode="forward")

            def gradient(*args: Any) -> Any:
                if gt.asarray(args[argnum]).dtype.kind == "c":
                    raise traps.Unsupported("complex input")
                return by_columns(*args)

            return gradient

    class Taylor(Reverse):
        """Derivatives of order n by truncated power series, along the line of ones; gradients by reverse mode."""

        name = "gradtape-taylor"

        def nth(self, f: Any, n: int = 1, argnum: int = 0) -> Any:
            def derivative(*args: Any) -> Any:
                along = lambda x: gt.sum(f(*args[:argnum], x, *args[argnum + 1 :]))
                x = gt.asarray(args[argnum])
                if x.ndim or x.dtype.kind == "c":  # no function of one real variable
                    return super(Taylor, self).nth(f, n, argnum)(*args)
                return gt.derivative(along, n)(x) if n else along(x)

            return derivative

    return {"reverse": Reverse, "tape": Tape, "forward": Forward, "taylor": Taylor}
