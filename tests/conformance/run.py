"""Run the array API standard's test suite on gradtape; see `make conformance`.

    python run.py PATH [--examples 200] [--seed 3] [--library jax.numpy] [--workers 2] [--tests PATH ...]

PATH is a checkout of data-apis/array-api-tests with data-apis/array-api in its folder array-api/. Exits with 1 if a
test fails that is not in skips.txt; with a library, if one fails that does not fail on the library alone. What the two
runs draw may differ (many tests of special values draw one number, whatever the seed), so what failed on gradtape alone
is then run on the library again, ROUNDS times, beginning with the examples on which gradtape failed: it is gradtape's
own failure if the library passes every time.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "src"

#: How often the library is given another chance to fail where gradtape failed.
ROUNDS = 20

#: A line of the summary: the test's id, whose parameters may have spaces and dashes in them, and perhaps a message.
FAILURE = re.compile(r"(?:FAILED|ERROR) ([^\s\[]+(?:\[.*?\])?)(?: - .*)?$")
PROGRESS = re.compile(r"\[ *(\d+%)\]$")


def namespace(call: str) -> str:
    """The module under test, in the form in which the suite takes one that cannot be imported."""
    return f"exec('import namespaces; xp = namespaces.{call}')"


def run(
    options: argparse.Namespace, scratch: Path, module: str, title: str, tests: Iterable[str], store: str
) -> set[str]:
    """The ids of the failed tests; Hypothesis keeps failing examples in the folder `store`, and begins with those."""
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": module,
        "ARRAY_API_TESTS_VERSION": "2025.12",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / store),
        "PYTHONPATH": os.pathsep.join([str(SOURCE), str(HERE)]),
        "OPENBLAS_NUM_THREADS": "1",
        "JAX_ENABLE_X64": "1",
        # JAX compiles each function for each shape: once for both runs, or once and for all where there is a folder.
        "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR", str(scratch / "compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    skips = scratch / "skips.txt"
    skips.write_text((HERE / "skips.txt").read_text())
    command = [
        sys.executable, "-m", "pytest", *tests, "-q", "-n", str(options.workers), "-rfE", "--tb=no", "-p",
        "no:cacheprovider", "-p", "sparing", f"--max-examples={options.examples}", f"--hypothesis-seed={options.seed}",
        "-W", "ignore", "--hypothesis-disable-deadline", f"--skips-file={skips}",
    ]  # fmt: skip
    print(f"{title}:", flush=True)
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=options.suite, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as done:
        assert done.stdout is not None
        for line in done.stdout:
            lines.append(line.rstrip())
            if at := PROGRESS.search(line):
                print(f"  {at[1]}", end="", flush=True)
    print()
    failed = {found[1] for line in lines if (found := FAILURE.match(line))}
    print(*(f"  failed: {line}" for line in sorted(failed)), f"  {lines[-1] if lines else ''}", sep="\n", flush=True)
    if done.returncode not in (0, 1):  # 1: some tests failed; all else is no outcome of tests
        raise SystemExit("\n".join(["the suite did not run:", *lines[-60:]]))
    return failed


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=lambda path: Path(path or ".").resolve())
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--library", default="")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tests", nargs="+", default=["array_api_tests"])
    options = parser.parse_args()
    suite = options.suite
    if not (suite / "array_api_tests").is_dir() or not (suite / "array-api" / "spec").is_dir():
        parser.error(
            f"{suite} is no checkout of data-apis/array-api-tests with its submodule array-api: "
            "say make conformance SUITE=/path/to/array-api-tests"
        )
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        tests, library = options.tests, options.library
        if library:
            alone, over = namespace(f'alone("{library}")'), namespace(f'over("{library}")')
            theirs = run(options, scratch, alone, f"{library} alone", tests, "theirs")
            ours = run(options, scratch, over, f"gradtape over {library}", tests, "ours")
            more = sorted(ours - theirs)
            for attempt in range(ROUNDS):
                if not more:
                    break
                options.seed += 1
                title = f"{library} alone, on gradtape's failures, round {attempt + 1}"
                more = sorted(set(more) - run(options, scratch, alone, title, more, "ours"))
            print(f"{len(more)} failures that {library} alone does not have", *more, sep="\n  ")
            return bool(more)
        plain = run(options, scratch, "gradtape", "gradtape", tests, "plain")
        recording = run(options, scratch, namespace("recording()"), "gradtape while a tape records", tests, "recording")
        return bool(plain or recording)


if __name__ == "__main__":
    sys.exit(main())
