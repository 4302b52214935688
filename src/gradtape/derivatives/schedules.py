"""Where to keep states of a chain of stages that is to be swept backward with few of them in memory.

The binomial schedule of Griewank and Walther (Algorithm 799: revolve, ACM Transactions on Mathematical Software 26,
2000) needs the fewest stages run for a chain of known length; for a loop that ends when it ends, states are replaced as
it goes, as in Stumm and Walther (New algorithms for optimal online checkpointing, SIAM Journal on Scientific Computing
32, 2010).
"""

from __future__ import annotations

from functools import lru_cache
from math import comb


def reach(slots: int, repeats: int) -> int:
    """The longest chain that is reversed with this many slots when no stage is run ahead more often than `repeats`.

    beta(s, r) = (s + r)! / (s! r!), and 0 for r < 0.
    """
    return comb(slots + repeats, slots) if repeats >= 0 else 0


@lru_cache(maxsize=1 << 16)
def repeats_needed(length: int, slots: int) -> int:
    """The least r with beta(slots, r) >= length: how often the stages run ahead most often are."""
    if slots == 1:  # beta(1, r) = r + 1
        return max(length - 1, 0)
    r = 0
    while reach(slots, r) < length:
        r += 1
    return r


@lru_cache(maxsize=1 << 16)
def fewest_steps(length: int, slots: int) -> int:
    """The least number of stages run ahead to reverse a chain, the value of which is wanted anyway.

    t(l, s) = r l - beta(s + 1, r - 1), with r = repeats_needed(l, s). The initial state takes one of the slots. What
    each stage runs once more to be recorded is not counted; nor is it where the chain's value has been computed: then
    t(l, s) is how many stages run beyond the l of the value.
    """
    r = repeats_needed(length, slots)
    return r * length - reach(slots + 1, r - 1)


def split(length: int, slots: int) -> int:
    """After how many of the stages to keep the next state. slots: free ones, the one of the first state included."""
    r = repeats_needed(length, slots)
    return min(reach(slots, r - 1), length - reach(slots - 1, r - 1))


class Replacement:
    """Which states to keep of a loop of unknown length: `positions`, ascending, in at most this many slots.

    Each new state takes the place of that one without which reversing what has run so far is cheapest. For loops of up
    to beta(slots, 2) stages the positions are optimal at every length, as those of Stumm and Walther's first algorithm;
    for longer ones, without limit, all but optimal.
    """

    def __init__(self, slots: int):
        self.slots = slots
        self.positions = [0]

    def offer(self, position: int, length: int) -> None:
        """Keep the state at this position, if that is worth it. The loop has at least `length` stages, more than it."""
        kept = self.positions
        if len(kept) == self.slots:
            dropped = self.cheapest(position, length)
            if dropped is None:
                return
            del kept[dropped]
        kept.append(position)

    def cheapest(self, position: int, length: int) -> int | None:
        """The index of the state to let go of for the new one, the leftmost of equal ones; None to drop the new one.

        Stretch j, from positions[j] to the next, has slots - j slots for its reversal; without state i, the stretches
        after it have one more. The last stretch has run ahead already.
        """
        kept = self.positions
        gaps = [b - a for a, b in zip(kept, [*kept[1:], position], strict=True)]
        now = [fewest_steps(gap, self.slots - j) for j, gap in enumerate(gaps)]
        rest, last = length - kept[-1], length - position
        best, found = sum(now[:-1]) + fewest_steps(rest, 1) - rest, None
        cost = sum(now) + fewest_steps(last, 1) - last
        for i in range(len(kept) - 1, 0, -1):
            cost -= now[i]
            joined = fewest_steps(gaps[i - 1] + gaps[i], self.slots - i + 1)
            if cost - now[i - 1] + joined <= best:
                best, found = cost - now[i - 1] + joined, i
            cost += fewest_steps(gaps[i], self.slots - i + 1)
        return found


__all__ = ["Replacement", "fewest_steps", "reach", "repeats_needed", "split"]
