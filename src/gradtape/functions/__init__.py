"""The differentiable functions, one module per chapter of the array API standard."""
