"""Memory: how much of it is available, amounts of it in words, and how the C library is brought to keep it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

#: A little less than the most that glibc minds, in bytes.
LARGEST = 31 << 20


def keep_freed_memory() -> None:
    """Show the allocator a large array that is freed. Where it is not glibc's, nothing changes.

    Large arrays get fresh pages from the system, and give them back when they are freed; to touch a fresh page takes
    longer than the arithmetic on what it holds. glibc keeps the memory of arrays up to the size of the largest that it
    has seen freed (32 MB at most). So one such array, which nobody touches and which costs nothing, makes later ones
    quick.
    """
    np.empty(LARGEST, np.uint8)


# -- amounts -------------------------------------------------------------------------------------------------------
PREFIXES = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
AMOUNT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


def bytes_of(amount: Any, where: str) -> int:
    """A number of bytes: an int or a float, or a string such as "200 MB", "1.5 GiB".

    `where` begins the message: raises TypeError or ValueError for anything else.
    """
    if isinstance(amount, str):
        match = AMOUNT.fullmatch(amount)
        if match is None:
            raise ValueError(f"{where} must be bytes, or a string such as '200 MB' or '1.5 GiB', not {amount!r}")
        number, prefix, binary = match.groups()
        value = float(number) * (1024 if binary else 1000) ** PREFIXES[prefix.lower()]
    elif isinstance(amount, int | float | np.integer | np.floating) and not isinstance(amount, bool):
        value = float(amount)
    else:
        raise TypeError(f"{where} must be bytes, or a string such as '200 MB', not a {type(amount).__name__}")
    if not 0 < value < 2.0**63:
        raise ValueError(f"{where} must be a positive number of bytes, not {amount!r}")
    return int(value)


def in_words(nbytes: float) -> str:
    """An amount of memory for people: 8000000 is "8 MB"."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= 0.9995 * size:
            return f"{nbytes / size:.3g} {unit}" if nbytes < 999.5 * size else f"{nbytes / size:,.0f} {unit}"
    return f"{nbytes:.0f} bytes"


# -- what there is -------------------------------------------------------------------------------------------------
LIMIT: ContextVar[int | None] = ContextVar("gradtape_memory_limit", default=None)
VARIABLE = "GRADTAPE_MEMORY_LIMIT"


@contextmanager
def memory_limit(limit: Any) -> Iterator[None]:
    """Inside, so many bytes (or "200 MB") are taken for available, whatever the system says.

    A dense derivative that needs more raises NotEnoughMemoryError before anything large runs. Holds in this thread or
    async task; for a whole process there is the environment variable GRADTAPE_MEMORY_LIMIT. Raises TypeError or
    ValueError for what is no amount.

    >>> import gradtape as gt
    >>> with gt.memory_limit("1 MB"):
    ...     try:
    ...         gt.hessian(lambda x: gt.sum(x**3))(gt.ones(1000))
    ...     except gt.NotEnoughMemoryError as error:
    ...         print(str(error)[:105])
    gradtape.hessian: the Hessian of a function of 1000 elements takes 8 MB, and 1 MB of memory are available
    """
    token = LIMIT.set(bytes_of(limit, "gradtape.memory_limit: limit"))
    try:
        yield
    finally:
        LIMIT.reset(token)


def limit_set() -> int | None:
    """The limit of memory_limit or of the environment, or None."""
    limit = LIMIT.get()
    if limit is None and (text := os.environ.get(VARIABLE)):
        return bytes_of(text, f"the environment variable {VARIABLE}")
    return limit


def available() -> int | None:
    """Bytes that can be allocated now: what a limit says, else the least of what the machine has left, what the
    control group and the address space of this process have left. None where the system does not tell."""
    limit = limit_set()
    if limit is not None:
        return limit
    known = [left for left in (of_machine(), of_control_group(), of_address_space()) if left is not None]
    return min(known) if known else None


def read(path: str) -> str:
    """The text of a small file, or "" where it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def of_machine() -> int | None:
    """What Linux calls available; elsewhere all that is installed."""
    match = re.search(r"^MemAvailable:\s*(\d+) kB", read("/proc/meminfo"), re.MULTILINE)
    if match:
        return int(match[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


#: Of control groups in versions 2 and 1: where they are, the limit, what is used, and the cache in it that can go.
VERSIONS = {
    "": ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def of_control_group() -> int | None:
    """What this process's control group and those it is in have left (Linux, containers); None without a limit."""
    left = []
    for line in read("/proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers not in VERSIONS:
            continue
        root, limit_file, used_file, cache = VERSIONS[controllers]
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts) + 1):  # a container may see its own group as the root
            folder = "/".join([root, *parts[:depth]])
            limit, used = read(f"{folder}/{limit_file}").strip(), read(f"{folder}/{used_file}").strip()
            if limit.isdigit() and used.isdigit() and int(limit) < 1 << 60:
                match = re.search(rf"^{cache} (\d+)$", read(f"{folder}/memory.stat"), re.MULTILINE)
                left.append(max(0, int(limit) - int(used) + (int(match[1]) if match else 0)))
    return min(left) if left else None


def of_address_space() -> int | None:
    """What `ulimit -v` leaves; None without such a limit."""
    if sys.platform == "win32":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = read("/proc/self/statm").split()
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return max(0, limit - int(pages[0]) * resource.getpagesize())
