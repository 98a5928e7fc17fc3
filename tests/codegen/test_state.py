"""The emitter's view of where it is: ranges, bindings, what may be remembered."""

from firth.base import dtype as dt
from firth.codegen.emit import Emitter
from firth.codegen.state import Lanes, Value
from firth.ir.kernel import Affine, Axis, Buffer, Coordinate, Kernel
from tests.codegen.harness import facts


def emitter():
    axis = Axis("i", 10)
    return Emitter(Kernel("k", (), (Buffer(dt.float32, True),), ()), facts(), False), axis


def test_ranges():
    e, axis = emitter()
    where = e.range(axis)
    assert (where.start, where.stop, where.count, where.nonempty) == (0, 10, 10, True)
    assert e.range(Axis("none", 0)).nonempty is False


def test_values_hold_as_long_as_their_binding():
    e, axis = emitter()
    x = Coordinate(Affine(1, ((axis, 2),)), dt.int64)
    with e.bound(axis, 3):
        assert e.value(x) == Value("7", 1) and e.known(x) is not None
        with e.bound(axis, 4):
            assert e.value(x) == Value("9", 1)
        assert e.value(x) == Value("7", 1)
    assert e.known(x) is None and axis not in e.axes
    with e.bound(axis, 0, Lanes(axis, 0, 4)):
        assert e.value(x).lanes == 4
    assert e.lanes is None
