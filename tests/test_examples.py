"""Every example runs to its end and asserts its own result; the README and the benchmarks are programs too."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"

ARTICLE = """\
Partial derivative of f with respect to x: 161.0
Partial derivative of f with respect to y: 20.0
Partial derivative of f w.r.t. x: 172.0
Partial derivative of f w.r.t. y: 75.0
Second-order derivative of f w.r.t. x (d^2f/dx^2): 60.0
Second-order derivative of f w.r.t. y (d^2f/dy^2): 10.0
Mixed derivative (d^2f/dxdy): 11.0
Mixed derivative (d^2f/dydx): 11.0
"""

# These draw a picture, into --out.
WRITES = {"demo": ["--epochs", "2"], "robust_digits": [], "physics_informed": ["--iterations", "15"]}
WRITES["hessian_spectrum"] = ["--iterations", "30"]
PICTURES = {"demo": "robust_digits"}
NEEDS = {"demo": ["sklearn", "matplotlib", "tqdm"], "robust_digits": ["sklearn", "matplotlib", "tqdm"]}
NEEDS["hessian_spectrum"] = ["sklearn", "matplotlib"]
NEEDS["optimization"] = ["scipy"]
NEEDS["physics_informed"] = ["scipy", "matplotlib"]


def run(script: pathlib.Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "default"}
    answer = subprocess.run(
        [sys.executable, script, *arguments],
        capture_output=True, text=True, encoding="utf-8", env=environment, timeout=300,
    )  # fmt: skip
    assert answer.returncode == 0, f"{script.name} failed:\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_example_runs(name, tmp_path):
    for module in NEEDS.get(name, []):
        pytest.importorskip(module)
    arguments = ["--out", str(tmp_path), *WRITES[name]] if name in WRITES else []
    assert run(EXAMPLES / f"{name}.py", *arguments).strip()
    if name in WRITES:
        assert (tmp_path / f"{PICTURES.get(name, name)}.png").stat().st_size > 20_000


def test_article_prints_its_eight_lines():
    assert run(EXAMPLES / "article.py") == ARTICLE


def test_readme_program_prints_what_the_readme_says(tmp_path):
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    program, output, *_ = re.findall(r"^```(?:python)?\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    assert run(script) == output


def test_benchmarks_agree_with_formulas_by_hand(tmp_path):
    bench = EXAMPLES.parent / "benchmarks" / "bench.py"
    output = run(bench, "--peers", "by_hand", "--repetitions", "1", "--no-footprint", "--out", str(tmp_path))
    assert output.count("2 systems agree") == bench.with_name("workloads.py").read_text().count("    Workload(\n")
    assert (tmp_path / "bench.json").stat().st_size > 1000
