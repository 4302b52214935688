"""One module for each system that is measured; none is imported before it is needed."""

import importlib
from types import ModuleType


def load(system: str) -> ModuleType | None:
    """The system's module, or None where the library behind it is not installed."""
    try:
        return importlib.import_module(f"peers.{system}")
    except ImportError as error:
        if error.name is None or error.name.split(".")[0] in ("peers", "workloads", "gradtape"):
            raise                                           # a mistake in here, not an absent library
        return None
