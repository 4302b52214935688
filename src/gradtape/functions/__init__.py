"""The differentiable functions, one module per chapter of the array API standard."""


def install() -> None:
    """Give Tensor its operators, methods and indexing."""
    from . import operators

    operators.install()
    from . import products

    products.install()
    from . import indexing

    indexing.install()
    from . import methods

    methods.install()
