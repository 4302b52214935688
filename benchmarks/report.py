"""The figures as text: one table of medians and ratios, the targets, Markdown for a README."""

from worker import DISTURBED
from workloads import BY_NAME, EVERYWHERE, SPARSE, SYSTEMS, WORKLOADS

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
IMPORT_TARGET = 0.060                                       # seconds above NumPy's own import
OVERHEAD_TARGETS = {"gt.sin(T)": 0.4e-6, "T + T": 0.4e-6, "gt.add(T, T)": 0.4e-6, "np.sin(T)": 0.6e-6}
MEMORY_TARGET = 1.2


def seconds_text(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    scale, unit = next((u for u in UNITS if seconds >= u[0]), UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


def cell(seconds: dict, system: str, systems=SYSTEMS) -> str:
    """A system's time, and in brackets gradtape's as a multiple of it."""
    if system not in seconds:
        return "failed" if system in systems else "-"
    text = seconds_text(seconds[system])
    if system == "gradtape" or "gradtape" not in seconds:
        return text
    return f"{text} ({ratio_text(seconds['gradtape'] / seconds[system])})"


def ratio_text(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio < 0.095 else f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:.0f}"


def table(rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(rows: list[list[str]]) -> str:
    head, *body = rows
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def tables(results: dict, layout=table) -> str:
    """One table for the dense workloads, one for the sparse ones."""
    return "\n\n".join(layout(rows) for rows in (measured(results), measured(results, SPARSE)) if len(rows) > 1)


def measured(results: dict, systems=EVERYWHERE) -> list[list[str]]:
    """The rows of a table: workloads of some of these systems, and of all of them the import."""
    present = [s for s in systems if results["versions"].get(s)]
    absent = [s for s in systems if s in results["versions"] and not results["versions"][s]]
    head = ["median of one call"] + [SYSTEMS[s] for s in present] + [SYSTEMS[s] for s in absent]
    rows = [head]
    for workload in WORKLOADS:
        if workload.name in results["seconds"] and set(workload.systems) <= set(systems):
            seconds = results["seconds"][workload.name]
            mark = "~ " if results["others"][workload.name] >= DISTURBED else ""
            cells = [cell(seconds, s, workload.systems) for s in present]
            rows.append([mark + workload.title, *cells] + ["absent" for _ in absent])
    if results.get("imports") and systems is EVERYWHERE:
        row = [seconds_text(results["imports"].get(s)) for s in present] + ["absent" for _ in absent]
        rows.append(["import (least)", *row])
    return rows


def judged(results: dict) -> list[dict]:
    """Every target that this run can judge: what, figure, target, reached. Nothing here is written by hand."""
    verdicts = []

    def judge(what: str, figure: float | None, target: float, unit: str) -> None:
        reached = figure is not None and figure <= target
        verdicts.append({"what": what, "figure": figure, "target": target, "unit": unit, "reached": reached})

    for name, seconds in results["seconds"].items():
        for system, target in BY_NAME[name].targets.items():
            if system in seconds:                           # a peer that is absent judges nothing
                ratio = seconds["gradtape"] / seconds[system] if "gradtape" in seconds else None
                judge(f"{BY_NAME[name].title}: of {SYSTEMS[system]}'s time", ratio, target, "×")
        judge_more(BY_NAME[name], results, judge)
    imports = results.get("imports") or {}
    if "gradtape" in imports and "by_hand" in imports:
        extra = imports["gradtape"] - imports["by_hand"]
        judge("import gradtape: more than import numpy", 1e3 * extra, 1e3 * IMPORT_TARGET, "ms")
    for label, target in OVERHEAD_TARGETS.items():
        if label in results.get("overheads", {}):
            judge(f"{label}, no tape: more than NumPy's", 1e6 * results["overheads"][label], 1e6 * target, "µs")
    for case in results.get("memory", []):
        judge(f"memory, {case['title']}: of what must be kept", case["peak"] / case["must_keep"], MEMORY_TARGET, "×")
    return verdicts


def judge_more(workload, results: dict, judge) -> None:
    """What a workload has to reach beside the others' medians: first calls, seconds, another workload, colours."""
    ours = results["seconds"][workload.name].get("gradtape")
    facts = results["facts"][workload.name]
    for system, target in workload.first.items():
        if system in facts:
            ratio = None if ours is None else ours / facts[system]["first"]
            judge(f"{workload.title}: of {SYSTEMS[system]}'s first call", ratio, target, "×")
    if workload.limit is not None:
        judge(workload.title, None if ours is None else 1e3 * ours, 1e3 * workload.limit, "ms")
    if workload.against is not None and workload.against[0] in results["seconds"]:
        name, target = workload.against
        ratio = None if ours is None else ours / results["seconds"][name]["gradtape"]
        judge(f"{workload.title}: of {BY_NAME[name].title}", ratio, target, "×")
    colours = {system: fact["colours"] for system, fact in facts.items() if fact["colours"]}
    if "asdex" in colours and "gradtape" in colours:
        judge(f"{workload.title}: colours", colours["gradtape"], colours["asdex"], "")


def targets(results: dict) -> str:
    verdicts = judged(results)
    if not verdicts:
        return "no target can be judged from what was measured"
    rows = [["target", "at most", "measured", ""]]
    for v in verdicts:
        mark = "reached" if v["reached"] else "MISSED"
        figure = "failed" if v["figure"] is None else f"{v['figure']:.3g} {v['unit']}"
        rows.append([v["what"], f"{v['target']:.3g} {v['unit']}", figure, mark])
    reached = sum(v["reached"] for v in verdicts)
    return f"{table(rows)}\n\n{reached} of {len(verdicts)} targets reached"


def footprint(results: dict) -> str:
    lines = []
    if results.get("overheads"):
        lines.append("An operation on Tensors of 10 numbers, no tape active, above NumPy's on the arrays:")
        lines += [f"  {label:<14}{1e6 * extra:6.2f} µs" for label, extra in results["overheads"].items()]
    if results.get("memory"):
        lines.append("Peak memory of a gradient, in arrays of the input's size (what must be kept: see footprint.py):")
        lines += [f"  {c['title']:<46}{c['peak']:6.1f}, must keep {c['must_keep']}" for c in results["memory"]]
    return "\n".join(lines)
