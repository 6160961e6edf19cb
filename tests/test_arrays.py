"""Arrays of the kernels begin where cache lines do."""

import naive
import numpy as np
import pytest

from analysis.kernels import layouts, rbm
from analysis.kernels.layouts import CHAINS
from analysis.machine import graph


def begins_with_a_line(array):
    return array.ctypes.data % layouts.LINE == 0


@pytest.mark.parametrize("dtype", [np.float32, np.uint64, np.int16])
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 5), (2, 3, 50_000)], ids=str)
def test_an_array_of_zeros_has_its_shape_and_type_and_begins_with_a_line(shape, dtype):
    kept = [layouts.zeros(shape, dtype) for _ in range(5)]  # numpy would give them any address
    for array in kept:
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert begins_with_a_line(array)
        assert not array.any()


def test_panels_tiles_and_dense_weights_begin_with_a_line():
    for n_units in ((5, 4, 3), (70, 90, 80)):
        built = graph.build(naive.machine_of(n_units))
        assert built.panel.size > 0
        assert begins_with_a_line(built.panel)
        assert begins_with_a_line(graph.to_tiles(np.ones((CHAINS, n_units[0]), np.uint8), sum(n_units)))
    dense = rbm.build(naive.machine_of((13, 70)))
    assert all(begins_with_a_line(x) for x in (dense.a, dense.b, dense.w, dense.dw))
