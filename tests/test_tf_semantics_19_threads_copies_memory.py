"""Section 19: threads, copying, memory."""

import asyncio
import copy
import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

import gradtape as gt


def in_thread(work):
    results = []

    def run():
        results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def test_a_tape_is_active_in_its_own_thread_only():
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = in_thread(lambda: x * x)
    assert tape.gradient(y, x) is None


def test_a_tape_may_be_entered_here_and_then_there():
    x = gt.constant(3.0)
    tape = gt.GradientTape()
    with tape:
        tape.watch(x)
        y = x * x

    def there():
        with tape:
            return y * x

    z = in_thread(there)
    assert float(tape.gradient(z, x)) == 27.0


def test_gradient_may_be_asked_for_in_any_thread_and_is_recorded_there_only():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**3
        g = in_thread(lambda: tape.gradient(y, x))
    assert float(g) == 27.0 and tape.gradient(g, x) is None

    def second_order():
        with gt.GradientTape() as outer:
            outer.watch(x)
            g = tape.gradient(y, x)
        return outer.gradient(g, x)

    assert float(in_thread(second_order)) == 18.0


def test_a_copy_shares_the_record():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert float(copy.copy(tape).gradient(y, x)) == 6.0
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    twin = copy.copy(tape)
    assert float(twin.gradient(y, x)) == 6.0
    with pytest.raises(RuntimeError, match="answers once"):
        tape.gradient(y, x)


def test_a_used_tape_is_neither_pickled_nor_copied_deeply():
    with gt.GradientTape() as tape:
        pass
    for copying in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="pickled"):
            copying(tape)


def test_a_fresh_tape_pickles():
    tape = gt.GradientTape(persistent=True, watch_accessed_variables=False)
    for twin in (pickle.loads(pickle.dumps(tape)), copy.deepcopy(tape), copy.copy(tape)):
        v = gt.Variable(3.0)
        with twin:
            twin.watch(v)
            y = v * v
        assert float(twin.gradient(y, v)) == float(twin.gradient(y, v)) == 6.0


def test_tensors_and_variables_pickle():
    x, v = gt.asarray([1.0, 2.0]), gt.Variable([3.0], trainable=False, name="v")
    y, w = pickle.loads(pickle.dumps([x, v]))
    assert y.tolist() == [1.0, 2.0] and type(w) is gt.Variable
    assert (w.tolist(), w.trainable, w.name) == ([3.0], False, "v")


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def large():
    x = gt.asarray(np.ones(1000))
    return x, lambda x: gt.sum(gt.exp(x) * gt.sin(x))


def saved_arrays(tape):
    """Weak references to the arrays that the record keeps."""
    found = []
    for record in tape._trace.slots.values():
        for part in record or ():
            for array in part if isinstance(part, tuple | list) else [part]:
                if isinstance(array, np.ndarray):
                    found.append(weakref.ref(array))
    return found


def test_a_non_persistent_tape_frees_everything_at_gradient(no_collector):
    x, f = large()
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    kept = saved_arrays(tape)
    assert any(r() is not None and r() is not x._data for r in kept)
    tape.gradient(y, x)
    assert all(r() is None or r() is x._data for r in kept)


def test_a_persistent_tape_frees_everything_when_deleted(no_collector):
    x, f = large()
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = f(x)
        g = tape.gradient(y, x)
        tape.gradient(g, x)
    kept, itself = saved_arrays(tape), weakref.ref(tape)
    del tape, g
    assert itself() is None
    assert all(r() is None or r() is x._data for r in kept)


def test_operations_without_a_tracked_input_hold_nothing(no_collector):
    x, f = large()
    with gt.GradientTape() as tape:
        y = gt.exp(x)
        kept = weakref.ref(y._data)
        del y
        assert kept() is None
        assert not tape._trace.slots


def test_dead_branches_are_kept_until_then(no_collector):
    x, f = large()
    with gt.GradientTape() as tape:
        tape.watch(x)
        dead = gt.exp(x)
        kept = weakref.ref(dead._data)
        del dead
        y = gt.sum(x)
    assert kept() is not None
    tape.gradient(y, x)
    assert kept() is None


def test_twenty_thousand_operations_in_a_chain():
    x = gt.constant(1.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(20_000):
            y = y * 1.0001
    assert float(tape.gradient(y, x)) == pytest.approx(1.0001**20_000)


def test_no_value_is_taken_for_another_after_it_was_freed():
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        for _ in range(1000):
            x * 2.0  # made and freed
        unrelated = gt.constant(5.0)
    assert unrelated._key == 0
    assert [None if g is None else float(g) for g in tape.gradient(y, [x, unrelated])] == [6.0, None]


def test_ten_thousand_tapes_leave_nothing_behind(no_collector):
    x, v = gt.constant(3.0), gt.Variable(2.0)

    def work(times):
        for _ in range(times):
            with gt.GradientTape(persistent=True) as tape:
                tape.watch(x)
                y = gt.sin(x) * v
                g = tape.gradient(y, x)
                tape.gradient(g, [x, v])
            del tape, y, g

    work(100)
    before = sys.getallocatedblocks()
    work(10_000)
    assert sys.getallocatedblocks() - before < 200


def test_ten_thousand_accumulators_and_custom_gradients_leave_nothing_behind(no_collector):
    x, one = gt.constant(3.0), gt.constant(1.0)

    @gt.custom_gradient
    def square(x):
        return x * x, lambda g: g * 2 * x

    def work(times):
        for _ in range(times):
            with gt.GradientTape() as tape, gt.ForwardAccumulator(x, one) as acc:
                tape.watch(x)
                y = gt.recompute_grad(square)(x)
            acc.jvp(y), tape.gradient(y, x)
            del acc, tape, y

    work(2_500)  # Python's own free lists are full by then
    before = sys.getallocatedblocks()
    work(1_000)
    assert sys.getallocatedblocks() - before < 200


def test_eight_threads_a_thousand_gradients_each():
    wrong = []

    def work(n):
        x = gt.Variable(float(n))
        for i in range(1000):
            with gt.GradientTape() as outer:
                with gt.GradientTape() as inner:
                    y = x**3 * i
                g = inner.gradient(y, x)
            if float(g) != 3 * n**2 * i or float(outer.gradient(g, x)) != 6 * n * i:
                wrong.append((n, i))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_hundred_tasks_interleaved_at_awaits():
    shared = gt.Variable(2.0)

    async def work(n):
        x = gt.constant(float(n))
        with gt.GradientTape() as tape:
            tape.watch(x)
            y = x * x
            await asyncio.sleep(0)
            y = y * shared
            await asyncio.sleep(0)
            count = len(tape._trace.slots)
        return [float(g) for g in tape.gradient(y, [x, shared])], count

    async def main():
        return await asyncio.gather(*[work(n) for n in range(100)])

    for n, (gradients, count) in enumerate(asyncio.run(main())):
        assert gradients == [4.0 * n, float(n * n)] and count == 4  # two sources and two operations of its own
