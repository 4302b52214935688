"""The differentiable functions, one module per chapter of the array API standard."""


def install() -> None:
    """Give Tensor its operators, methods, indexing and NumPy's protocols."""
    from . import operators

    operators.install()
    from . import products

    products.install()
    from . import methods

    methods.install()
    from ..interop import numpy_protocols

    numpy_protocols.install()
