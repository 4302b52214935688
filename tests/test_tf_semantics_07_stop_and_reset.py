"""Section 7: stop_recording and reset."""

import pytest

import gradtape as gt


def test_stop_recording_pauses_only_this_tape():
    x = gt.constant(3.0)
    with gt.GradientTape() as outer, gt.GradientTape() as tape, gt.GradientTape() as inner:
        for each in (outer, tape, inner):
            each.watch(x)
        with tape.stop_recording():
            y = x * x
        z = x * x * x
        both = y + z
    assert float(outer.gradient(both, x)) == 33.0
    assert float(tape.gradient(both, x)) == 27.0
    assert float(inner.gradient(both, x)) == 33.0


def test_it_resumes_after_an_exception():
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(KeyError), tape.stop_recording():
            raise KeyError
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


def test_it_keeps_the_place_in_the_order_of_entry():
    x, one = gt.constant(3.0), gt.constant(1.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        with gt.ForwardAccumulator(x, one) as acc:
            with tape.stop_recording():
                pass
            y = x**3
        slope = acc.jvp(y)
    assert float(tape.gradient(slope, x)) == 18.0


def test_nested_or_outside_it_raises():
    tape = gt.GradientTape()
    with pytest.raises(ValueError, match="not recording"), tape.stop_recording():
        pass
    with tape, tape.stop_recording(), pytest.raises(ValueError), tape.stop_recording():
        pass
    with pytest.raises(ValueError), tape.stop_recording():
        pass


def test_gradient_inside_it_is_not_recorded():
    x = gt.constant(3.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**3
        with tape.stop_recording():
            cheap = tape.gradient(y, x)
        dear = tape.gradient(y, x)
    assert float(cheap) == float(dear) == 27.0
    assert tape.gradient(cheap, x) is None
    assert float(tape.gradient(dear, x)) == 18.0


def test_gradient_inside_it_uses_a_non_persistent_tape_up_and_a_fresh_record_starts():
    x = gt.constant(3.0)
    with gt.GradientTape() as tape:
        tape.watch(x)
        y = x**3
        with tape.stop_recording():
            assert float(tape.gradient(y, x)) == 27.0
        tape.watch(x)
        z = x * x
    assert float(tape.gradient([y, z], x)) == 6.0


def test_reset_drops_records_and_watches_and_goes_on():
    x, v = gt.constant(3.0), gt.Variable(2.0)
    with gt.GradientTape(persistent=True) as tape:
        tape.watch(x)
        before = x * v
        tape.reset()
        forgotten = x * x
        anew = v * v + before
        tape.watch(x)
        again = x * x
    assert tape.gradient([before, forgotten], x) is None
    assert float(tape.gradient(anew, v)) == 4.0
    assert float(tape.gradient(again, x)) == 6.0


def test_reset_outside_raises():
    tape = gt.GradientTape()
    with pytest.raises(ValueError, match="not recording"):
        tape.reset()
    with tape:
        tape.reset()
    with pytest.raises(ValueError):
        tape.reset()
