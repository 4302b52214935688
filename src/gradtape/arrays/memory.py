"""How the C library is brought to keep the memory of arrays that are freed.

Large arrays get fresh pages from the system, and give them back when they are freed; to touch a fresh page takes
longer than the arithmetic on what it holds. glibc keeps the memory of arrays up to the size of the largest that it has
seen freed (32 MB at most). So one such array, which nobody touches and which costs nothing, makes later ones quick.
"""

from __future__ import annotations

import numpy as np

#: A little less than the most that glibc minds, in bytes.
LARGEST = 31 << 20


def keep_freed_memory() -> None:
    """Show the allocator a large array that is freed. Where it is not glibc's, nothing changes."""
    np.empty(LARGEST, np.uint8)
