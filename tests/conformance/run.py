"""Run the array API standard's test suite on gradtape; see `make conformance`.

    python run.py PATH [--examples 200] [--seed 3] [--library jax.numpy]

PATH is a checkout of data-apis/array-api-tests with data-apis/array-api in its folder array-api/. Exits with 1 if a
test fails that is not in skips.txt; with a library, if one fails that does not fail on the library alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "src"


def namespace(call: str) -> str:
    """The module under test, in the form in which the suite takes one that cannot be imported."""
    return f"exec('import namespaces; xp = namespaces.{call}')"


def run(suite: Path, module: str, examples: int, seed: int, title: str) -> tuple[set[str], str]:
    """The ids of the tests that failed, and the last line of the report."""
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": module,
        "ARRAY_API_TESTS_VERSION": "2025.12",
        "PYTHONPATH": os.pathsep.join([str(SOURCE), str(HERE)]),
        "JAX_ENABLE_X64": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    print(f"{title}:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        skips = Path(folder) / "skips.txt"
        skips.write_text((HERE / "skips.txt").read_text())
        command = [
            sys.executable, "-m", "pytest", "array_api_tests", "-q", "-n", "2", "-rfE", "--tb=no", "-p",
            "no:cacheprovider", f"--max-examples={examples}", f"--hypothesis-seed={seed}", "-W", "ignore",
            "--hypothesis-disable-deadline", f"--skips-file={skips}",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    failed = {line.split(" - ")[0].split(maxsplit=1)[1] for line in lines if line.startswith(("FAILED", "ERROR"))}
    for line in sorted(failed):
        print("  failed:", line)
    summary = lines[-1] if lines else done.stderr[-2000:]
    print(f"  {summary}", flush=True)
    if " passed" not in summary:
        raise SystemExit("the suite did not run:\n" + done.stdout[-3000:] + done.stderr[-3000:])
    return failed, summary


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite")
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--library", default="")
    options = parser.parse_args()
    suite = Path(options.suite or ".").resolve()
    if not (suite / "array_api_tests").is_dir() or not (suite / "array-api" / "spec").is_dir():
        parser.error(
            f"{suite} is no checkout of data-apis/array-api-tests with its submodule array-api: "
            "say make conformance SUITE=/path/to/array-api-tests"
        )
    given = (options.examples, options.seed)
    if options.library:
        theirs, _ = run(suite, options.library, *given, f"{options.library} alone")
        ours, _ = run(suite, namespace(f'over("{options.library}")'), *given, f"gradtape over {options.library}")
        more = sorted(ours - theirs)
        print(f"{len(more)} failures that {options.library} alone does not have", *more, sep="\n  ")
        return bool(more)
    plain, _ = run(suite, "gradtape", *given, "gradtape")
    recording, _ = run(suite, namespace("recording()"), *given, "gradtape while a tape records")
    return bool(plain or recording)


if __name__ == "__main__":
    sys.exit(main())
