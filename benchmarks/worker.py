"""Each system lives in a process of its own, so that none is disturbed by another's threads, memory or garbage.

The systems' repetitions are interleaved, so that a change in the machine's speed touches all of them alike. While one
measures, the others' processes are stopped: a thread pool that spins while it waits for work would take a core from it.
"""

import gc
import multiprocessing
import os
import signal
import statistics
import time
import traceback
from multiprocessing.connection import Connection

import numpy as np

import peers
from workloads import BY_NAME

BLOCK = 0.02            # seconds that one timed block lasts at least


def serve(system: str, pipe: Connection) -> None:
    """The life of a worker: say the version (None if absent), then answer requests until the pipe closes."""
    module = peers.load(system)
    pipe.send(None if module is None else module.version)
    if module is None:
        return
    run = calls = None
    while True:
        try:
            request, *arguments = pipe.recv()
        except EOFError:
            return
        try:
            if request == "prepare":
                (name,) = arguments
                run = getattr(module, name)(**BY_NAME[name].inputs())
                answer = [array.copy() for array in map(np.asarray, module.arrays(run()))]
                calls = calls_per_block(run)
                gc.collect()
                gc.freeze()                                 # the library's own objects are not scanned while timing
            else:
                answer = block(run, calls)
        except Exception:
            answer = RuntimeError(traceback.format_exc())
        pipe.send(answer)


def block(run, calls: int) -> float:
    """Seconds of one call, the mean over a block of them; one call before it wakes caches and threads."""
    run()
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def calls_per_block(run) -> int:
    run()
    return max(1, round(BLOCK / min(block(run, 1) for _ in range(3))))


class Worker:
    """A system's process, seen from outside."""

    def __init__(self, system: str):
        context = multiprocessing.get_context("spawn")
        self.system = system
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(system, theirs), daemon=True)
        self.process.start()
        theirs.close()
        try:
            self.version = self.pipe.recv()
        except EOFError:                                    # it died while importing; its own words are on stderr
            self.version = None
        if self.present:
            self.signal("SIGSTOP")

    @property
    def present(self) -> bool:
        return self.version is not None

    def ask(self, *request):
        self.signal("SIGCONT")
        self.pipe.send(request)
        try:
            answer = self.pipe.recv()
        except EOFError:
            raise RuntimeError(f"the process of {self.system} died") from None
        self.signal("SIGSTOP")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def signal(self, name: str) -> None:
        if hasattr(signal, name):                           # not on Windows
            os.kill(self.process.pid, getattr(signal, name))

    def close(self) -> None:
        if self.present:
            self.signal("SIGCONT")                          # a stopped process would never end
        self.pipe.close()
        self.process.join()


def interleaved(workers: list[Worker], repetitions: int) -> dict[str, float]:
    """Median seconds of a call for each worker's prepared workload; each round starts with another worker."""
    seconds = {worker.system: [] for worker in workers}
    for turn in range(repetitions):
        first = turn % len(workers)
        for worker in workers[first:] + workers[:first]:
            seconds[worker.system].append(worker.ask("time"))
    return {system: statistics.median(times) for system, times in seconds.items()}
