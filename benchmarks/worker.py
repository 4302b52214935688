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
LONG = 0.5              # seconds of a call that needs no other before it
DISTURBED = 0.05        # the part of the machine taken by other work from which on medians are not to be relied upon


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
                start = time.perf_counter()
                result = run()
                first = time.perf_counter() - start
                answer = [array.copy() for array in map(np.asarray, module.arrays(result))]
                answer = answer, {"first": first, "colours": getattr(run, "colours", None)}
                calls = 0 if first > LONG else calls_per_block(run)
                del result
                gc.collect()
                gc.freeze()                                 # the library's own objects are not scanned while timing
            else:
                answer = block(run, calls)
        except Exception:
            answer = RuntimeError(traceback.format_exc())
        pipe.send(answer)


def block(run, calls: int) -> float:
    """Seconds of one call, the mean over a block of them; one call before it wakes caches and threads, but for those
    that take so long (0) that this is nothing."""
    if calls:
        run()
    start = time.perf_counter()
    for _ in range(calls or 1):
        run()
    return (time.perf_counter() - start) / (calls or 1)


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


def interleaved(workers: list[Worker], repetitions: int) -> dict[str, list[float]]:
    """Seconds of a call for each worker's prepared workload; each round starts with another worker."""
    seconds = {worker.system: [] for worker in workers}
    for turn in range(repetitions):
        first = turn % len(workers)
        for worker in workers[first:] + workers[:first]:
            seconds[worker.system].append(worker.ask("time"))
    return seconds


class OthersWork:
    """The part of the machine's processors that processes other than the workers took, where /proc tells it."""

    def __init__(self, workers: list[Worker]):
        self.processes = [os.getpid()] + [worker.process.pid for worker in workers]
        self.start = self.now()

    def now(self) -> tuple[int, int] | None:
        """Clock ticks so far: of all processors together, and those that were busy with others' work."""
        try:
            with open("/proc/stat") as stat:
                ticks = [int(t) for t in stat.readline().split()[1:9]]
            ours = 0
            for process in self.processes:
                with open(f"/proc/{process}/stat") as stat:
                    ours += sum(int(t) for t in stat.read().rsplit(")", 1)[1].split()[11:13])
        except (OSError, ValueError, IndexError):
            return None
        idle = ticks[3] + ticks[4]
        return sum(ticks), sum(ticks) - idle - ours

    def part(self) -> float:
        end = self.now()
        if self.start is None or end is None or end[0] == self.start[0]:
            return 0.0
        return max(0.0, (end[1] - self.start[1]) / (end[0] - self.start[0]))


def measured(workers: list[Worker], repetitions: int, tries: int = 3) -> tuple[dict[str, float], float]:
    """Medians, and the part of the machine that other work took meanwhile. Where that is much, measured again."""
    best = None
    for _ in range(tries):
        others = OthersWork(workers)
        seconds = interleaved(workers, repetitions)
        part = others.part()
        if best is None or part < best[1]:
            best = {system: statistics.median(times) for system, times in seconds.items()}, part
        if part < DISTURBED:
            break
    return best
