"""What a text says about its caller's side."""

from firth.base import dtype as dt
from firth.codegen.emit import emit
from tests.codegen.harness import facts
from tests.codegen.test_emit import softmax_like
from tests.codegen.test_values import take_kernel


def test_scratch_is_whole_cache_lines():
    assert emit(softmax_like(4, 10, 8), facts()).scratch_bytes == 64
    assert emit(softmax_like(4, 100, 8), facts()).scratch_bytes == 448
    assert dt.float32.itemsize * 100 <= 448


def test_sites_are_parameters_so_that_programs_share_texts():
    assert emit(take_kernel(5, 19, 21, 8, False), facts()).params == (5,)


def test_sizes_are_parameters_of_generic_texts_only():
    text = emit(softmax_like(4, 100, 8), facts(), True)
    assert 100 in text.params and " 100" not in text.text
    assert emit(softmax_like(4, 100, 8), facts()).params == ()
