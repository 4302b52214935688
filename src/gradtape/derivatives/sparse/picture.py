"""Pictures of sparsity patterns: in text, and by Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import missing_extra
from .decompression import rows_and_columns

#: The dots of a braille character, by row and column.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille(pattern: Any, width: int = 40, height: int = 20) -> str:
    """The pattern in at most so many characters of text, each of 4 x 2 dots; a dot is a block with an entry."""
    m, n = pattern.shape
    if not m or not n:
        return "(empty)"
    scale = max(m / (4 * height), n / (2 * width), 1.0)
    rows, columns = rows_and_columns(pattern)
    dots = np.zeros((-(-int(np.ceil(m / scale)) // 4) * 4, -(-int(np.ceil(n / scale)) // 2) * 2), bool)
    dots[(rows / scale).astype(int), (columns / scale).astype(int)] = True
    blocks = dots.reshape(dots.shape[0] // 4, 4, dots.shape[1] // 2, 2).transpose(0, 2, 1, 3)
    codes = 0x2800 + (blocks * DOTS).sum(axis=(2, 3))
    return "\n".join(["".join(map(chr, line)) for line in codes.tolist()])


def spy(prepared: Any, ax: Any = None) -> Any:
    """Draw the entries of a prepared derivative, each in the colour of its column or row; returns the axes."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise missing_extra("matplotlib", "plot", "P.spy()") from None
    ax = plt.subplots()[1] if ax is None else ax
    rows, columns = rows_and_columns(prepared.pattern)
    colors, m = prepared.colors, prepared.pattern.shape[0]
    if isinstance(colors, tuple):
        shade = np.where(colors[0][columns] >= 0, colors[0][columns], colors[1][rows] + colors[0].max(initial=-1) + 1)
    else:
        shade = colors[columns] if prepared.by_columns else colors[rows]
    ax.scatter(columns, rows, c=shade, marker="s", s=max(1.0, 2e4 / max(m, 1) ** 2), cmap="tab20", linewidths=0)
    ax.set_xlim(-0.5, prepared.pattern.shape[1] - 0.5)
    ax.set_ylim(m - 0.5, -0.5)
    ax.set_aspect("equal")
    ax.set_title(f"{prepared.pattern.nnz} non-zeros, {prepared.n_colors} colours")
    return ax
