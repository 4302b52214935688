"""The table as a picture: each system's time as a multiple of gradtape's."""

import pathlib

from workloads import SYSTEMS, WORKLOADS

COLOURS = {
    "by_hand": "#555555",
    "torch": "#dd8452",
    "tensorflow": "#c44e52",
    "jax": "#8172b3",
    "autograd": "#55a868",
    "asdex": "#b07aa1",
    "casadi": "#937860",
}


def draw(results: dict, path: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    measured = [w for w in WORKLOADS if "gradtape" in results["seconds"].get(w.name, {})]
    if not measured:
        return
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.55 * len(measured)), layout="constrained")
    rows = range(len(measured) - 1, -1, -1)
    for system, colour in COLOURS.items():
        points = [
            (results["seconds"][w.name][system] / results["seconds"][w.name]["gradtape"], row)
            for w, row in zip(measured, rows)
            if system in results["seconds"][w.name]
        ]
        if points:
            axes.plot(*zip(*points), "o", markersize=8, color=colour, alpha=0.9, label=SYSTEMS[system])
    axes.axvline(1, color="#2c6fbb", linewidth=2, label="gradtape")
    axes.set_xscale("log")
    axes.set_yticks(list(rows), [w.title for w in measured])
    axes.set_ylim(-0.6, len(measured) - 0.4)
    axes.set_xlabel("time as a multiple of gradtape's (to the right: slower than gradtape)")
    axes.grid(axis="both", alpha=0.25)
    figure.legend(loc="outside upper center", ncols=6, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
