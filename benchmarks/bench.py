"""gradtape beside its peers: one run, one table of medians and ratios, the targets, JSON and a plot.

Systems that are not installed are shown as absent. Before a workload is timed, every system's result is compared with
the others'; one that disagrees is named and not timed.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

import numpy as np

import footprint
import plot
import report
from worker import DISTURBED, Worker, measured
from workloads import SYSTEMS, WORKLOADS

HERE = pathlib.Path(__file__).parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"), help="folder for what it writes")
    parser.add_argument("--workloads", nargs="+", metavar="NAME", choices=[w.name for w in WORKLOADS],
                        help="only these: " + ", ".join(w.name for w in WORKLOADS))  # fmt: skip
    parser.add_argument("--peers", nargs="+", metavar="NAME", choices=list(SYSTEMS)[1:],
                        help="gradtape and only these: " + ", ".join(list(SYSTEMS)[1:]))  # fmt: skip
    parser.add_argument("--repetitions", type=int, default=15, help="timed blocks of each system (default 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads for each system (default 2)")
    parser.add_argument("--readme", type=pathlib.Path, help="also put the table into this file, at its markers")
    parser.add_argument("--no-footprint", action="store_true", help="leave out import time, overheads and memory")
    return parser.parse_args()


def agree(workload, answers: dict) -> dict[str, str]:
    """Which systems' results differ from the majority's, and by how much. Empty: the same numbers from all of them."""
    def difference(a, b) -> float:
        if len(a) != len(b) or any(p.shape != q.shape for p, q in zip(a, b)):
            return float("inf")
        scale = max(float(np.max(np.abs(q))) for q in b) or 1.0
        return max(float(np.max(np.abs(p - q))) for p, q in zip(a, b)) / scale

    worst = {}
    for system, answer in answers.items():
        others = sorted(difference(answer, other) for name, other in answers.items() if name != system)
        if others and not others[(len(others) - 1) // 2] <= workload.rtol:         # at odds with most of the others
            worst[system] = f"{others[(len(others) - 1) // 2]:.2g}"
    return worst


def measure(chosen: argparse.Namespace) -> dict:
    systems = [s for s in SYSTEMS if s == "gradtape" or chosen.peers is None or s in chosen.peers]
    print(f"Starting {', '.join(SYSTEMS[s] for s in systems)}", flush=True)
    workers = [Worker(system) for system in systems]
    results = {
        "machine": {"cpu": cpu(), "cores": os.cpu_count(), "python": platform.python_version()},
        "threads": chosen.threads,
        "versions": {w.system: w.version for w in workers},
        "seconds": {},
        "others": {},
        "facts": {},
        "problems": [],
    }
    try:
        if not workers[0].present:
            raise SystemExit("gradtape itself could not be imported")
        for worker in workers:
            print(f"  {SYSTEMS[worker.system]}: {worker.version or 'absent'}", flush=True)
        for workload in WORKLOADS:
            if not chosen.workloads or workload.name in chosen.workloads:
                measure_one(workload, [worker for worker in workers if worker.present], chosen.repetitions, results)
    finally:
        for worker in workers:
            worker.close()
    return results


def measure_one(workload, workers, repetitions: int, results: dict) -> None:
    """Prepare the workload in every system, compare the answers, time those that agree."""
    answers, facts = {}, {}
    workers = [worker for worker in workers if worker.system in workload.systems]
    for worker in workers:
        try:
            answers[worker.system], facts[worker.system] = worker.ask("prepare", workload.name)
        except RuntimeError as error:
            last = str(error).strip().splitlines()[-1]
            problem(results, f"{workload.title}: {SYSTEMS[worker.system]} failed: {last}")
    wrong = agree(workload, answers)
    for system, worst in wrong.items():
        problem(results, f"{workload.title}: {SYSTEMS[system]} disagrees with the others by {worst}, relatively")
    ready = [worker for worker in workers if worker.system in answers and worker.system not in wrong]
    if ready:
        results["seconds"][workload.name], part = measured(ready, workload.repetitions or repetitions)
        results["facts"][workload.name] = facts
        results["others"][workload.name] = part
        note = f"; other work took {part:.0%} of the machine meanwhile" if part >= DISTURBED else ""
        print(f"  {workload.title}: {len(ready)} systems agree and are timed{note}", flush=True)


def problem(results: dict, text: str) -> None:
    results["problems"].append(text)
    print(f"  !! {text}", flush=True)


def cpu() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def add_footprint(results: dict) -> None:
    present = [system for system, version in results["versions"].items() if version]
    print("  import time, overheads, memory", flush=True)
    results["imports"] = footprint.import_seconds(present)
    answer = subprocess.run([sys.executable, HERE / "footprint.py"], capture_output=True, text=True)
    if answer.returncode == 0:
        results |= json.loads(answer.stdout)
    else:
        problem(results, f"gradtape, footprint: {answer.stderr.strip().splitlines()[-1]}")


def put_into(readme: pathlib.Path, table: str, results: dict) -> None:
    """Replace what stands between the file's two markers by the table and the versions it was measured with."""
    versions = ", ".join(f"{SYSTEMS[s]} {v}" for s, v in results["versions"].items() if v and s != "gradtape")
    machine = results["machine"]
    disturbed = any(part >= DISTURBED for part in results["others"].values())
    note = " Rows with ~ were disturbed by other work on the machine." if disturbed else ""
    text = f"{table}\n\nPython {machine['python']}, {machine['cores']} cores; {versions}.{note}"
    head, rest = readme.read_text(encoding="utf-8").split("<!-- bench -->")
    _, tail = rest.split("<!-- /bench -->")
    readme.write_text(f"{head}<!-- bench -->\n{text}\n<!-- /bench -->{tail}", encoding="utf-8")


def main() -> int:
    chosen = arguments()
    os.environ.update({name: str(chosen.threads) for name in THREADS})       # the workers inherit these

    results = measure(chosen)
    if not chosen.no_footprint:
        add_footprint(results)

    markdown = report.tables(results, report.markdown)
    machine = results["machine"]
    print(f"\nPython {machine['python']}, {machine['cores']} cores, {machine['cpu']}, {results['threads']} threads")
    print("In brackets: gradtape's time as a multiple of that system's, so below 1 gradtape is faster.")
    if any(part >= DISTURBED for part in results["others"].values()):
        print("~: other work took more than 5 % of the machine meanwhile, so these figures are not to be relied upon.")
    print()
    print(report.tables(results), report.footprint(results), report.targets(results), sep="\n\n")

    results["targets"] = report.judged(results)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "bench.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (chosen.out / "bench.md").write_text(markdown + "\n", encoding="utf-8")
    if chosen.readme:
        put_into(chosen.readme, markdown, results)
    plot.draw(results, chosen.out / "bench.png")
    print(f"\nwritten: {chosen.out}/bench.json, bench.md, bench.png")
    return 1 if any("gradtape" in problem for problem in results["problems"]) else 0


if __name__ == "__main__":
    sys.exit(main())
