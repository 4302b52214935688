"""Section 2: making a tape, entering and leaving it."""

from contextlib import ExitStack

import pytest

import gradtape as gt


def cube(x):
    return x * x * x


def test_options_are_positional_or_by_keyword():
    assert gt.GradientTape(True, False).watched_variables() == ()
    assert gt.GradientTape(persistent=False, watch_accessed_variables=True).watched_variables() == ()


def test_enter_gives_the_tape_and_exit_never_swallows():
    tape = gt.GradientTape()
    assert tape.__enter__() is tape
    assert tape.__exit__(None, None, None) is None
    assert tape.__exit__(None, None, None) is None
    with pytest.raises(ZeroDivisionError), gt.GradientTape():
        1 / 0


def test_after_an_exception_the_record_is_kept():
    x = gt.constant(2.0)
    tape = gt.GradientTape()
    with pytest.raises(KeyError), tape:
        tape.watch(x)
        y = cube(x)
        raise KeyError
    assert float(tape.gradient(y, x)) == 12.0
    with gt.GradientTape() as other:
        other.watch(x)
    assert float(gt.sum(x)) == 2.0


def test_entering_a_recording_tape_raises_and_harms_nothing():
    x = gt.constant(2.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(ValueError, match="recording already"), tape:
            pass
        y = cube(x)
    assert float(tape.gradient(y, x)) == 12.0


def test_entering_again_appends_and_what_ran_between_is_lost():
    x = gt.constant(2.0)
    tape = gt.GradientTape(persistent=True)
    with tape:
        tape.watch(x)
        a = x * x
    lost = a * 10
    with tape:
        b = a * x
        c = lost + a
    assert float(tape.gradient(b, x)) == 12.0
    assert float(tape.gradient(c, x)) == 4.0
    assert tape.gradient(lost, x) is None


def test_entering_a_used_tape_starts_afresh():
    x = gt.constant(2.0)
    tape = gt.GradientTape()
    with tape:
        tape.watch(x)
        y = cube(x)
    tape.gradient(y, x)
    with tape:
        forgotten = cube(x)
        tape.watch(x)
        z = x * x
    with pytest.raises(RuntimeError, match="answers once"):
        tape.gradient(z, x), tape.gradient(z, x)
    with tape:
        tape.watch(x)
        z = x * x
    assert tape.gradient([forgotten, z], x) is not None
    with tape:
        tape.watch(x)
        z = x * x
    assert float(tape.gradient(z, x)) == 4.0


def test_tapes_may_be_left_in_any_order():
    x = gt.constant(2.0)
    a, b = gt.GradientTape(), gt.GradientTape()
    a.__enter__(), b.__enter__()
    a.watch(x), b.watch(x)
    y = x * x
    a.__exit__(None, None, None)
    z = y * x
    b.__exit__(None, None, None)
    assert a.gradient(z, x) is None
    assert float(b.gradient(z, x)) == 12.0


def test_exit_stack():
    x = gt.constant(2.0)
    with ExitStack() as stack:
        tapes = [stack.enter_context(gt.GradientTape()) for _ in range(3)]
        for tape in tapes:
            tape.watch(x)
        y = cube(x)
    assert [float(tape.gradient(y, x)) for tape in tapes] == [12.0] * 3


def test_a_suspended_generator():
    x = gt.constant(2.0)

    def recording():
        with gt.GradientTape() as tape:
            tape.watch(x)
            yield x * x
            yield cube(x)
        yield tape

    steps = recording()
    a, b, tape = steps
    assert float(tape.gradient([a, b], x)) == 16.0
