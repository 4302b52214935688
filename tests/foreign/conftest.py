"""These tests need SciPy's dispatch to other array libraries, which has to be asked for before SciPy is imported.

`make test` runs them by themselves, with SCIPY_ARRAY_API=1; without it they are left out.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = [] if os.environ.get("SCIPY_ARRAY_API") == "1" else ["test_*.py"]
