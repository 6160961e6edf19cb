"""Products of states, their counts, and what is learnt from them.

    both_on, span_counts, count_common    counts of chains in which two units are on
    lane_dots   sum_t sum_c a[t, i, c] b[t, j, c]   learning, few synapses
    span_dots   sum_k a[k] b[k, j]                  learning, many synapses
    learn_row, learn_lanes     dw <- momentum dw + rate gradient, w <- w + dw for PANEL or more synapses side by side

Every sum has a stated order, lane by lane; counts are integers.
"""

import numpy as np

from analysis.kernels.jit import formula
from analysis.kernels.layouts import GROUP, PANEL, PATTERNS, SPAN, WIDTH
from analysis.kernels.vectors import (
    at, convert, fma, lane, largest, load, popcount, select, splat, steps, store, sums, view
)

_f32, _i32, _i64, _u64 = np.float32, np.int32, np.int64, np.uint64
_EIGHT, _SIZE = 8, 0x7FFFFFFF  # bits of a float32 without its sign: the order of whole numbers is that of |x|


@formula
def count_common(counts, i, j, x, y, first, n_vectors):
    """counts[i + g, j] += sum_k popcount(x[i + g, k] & y[j, k]), k = first ... first + 8 n_vectors - 1, g < GROUP.

    counts (n_x, n_y) int64, x (n_x, n_words), y (n_y, n_words) uint64; all C-contiguous.
    """
    n_words, total = x.shape[1], splat(_u64(0), _EIGHT, GROUP)
    rows, other = steps(i * n_words + first, n_words, GROUP), j * n_words + first
    for k in range(n_vectors):
        total = total + popcount(load(x, rows, _EIGHT * k, _EIGHT) & load(y, other, _EIGHT * k, _EIGHT))
    found = sums(total)
    for g in range(GROUP):
        counts[i + g, j] += _i64(lane(found, g))


@formula
def lane_dots(total, place, tiles, i, others):
    """total[place + g] = sum_t sum_c tiles[t, i, c] tiles[t, others[g], c] for g < GROUP.

    Tiles in ascending t lane by lane, then a binary tree over lanes. total (n,) and tiles (n_tiles, n_units, PATTERNS),
    float32; others (2, GROUP) int64: units, and PATTERNS times those.
    """
    size, x = tiles.shape[1] * PATTERNS, splat(_f32(0.0), PATTERNS, GROUP)
    units = at(others, steps(GROUP, 1, GROUP), 0)
    for t in range(tiles.shape[0]):
        x = fma(load(tiles, i * PATTERNS, t * size, PATTERNS), load(tiles, units, t * size, PATTERNS), x)
    store(total, place, 0, sums(x))


@formula
def both_on(total, place, words, i, others):
    """total[place + g] = sum_t popcount(words[t, i] & words[t, others[g]]) for g < GROUP, as float32.

    total (n,) float32, words (n_tiles, n_units) uint64; others as in lane_dots.
    """
    n_units, x = words.shape[1], splat(_u64(0), 1, GROUP)
    units = at(others, steps(0, 1, GROUP), 0)
    for t in range(words.shape[0]):
        x = x + popcount(load(words, i, t * n_units, 1) & load(words, units, t * n_units, 1))
    store(total, steps(place, 1, GROUP), 0, convert(x, _f32))


@formula
def span_dots(total, tiles, i, others, span, n):
    """total[c] = sum_k tiles[k // PATTERNS, i, k % PATTERNS] others[span, k, c], k = 0 ... n - 1, c < SPAN.

    total (SPAN,), tiles (n_tiles, n_units, PATTERNS), others (n_spans, n_patterns, SPAN) float32, C-contiguous.
    """
    size, x = tiles.shape[1] * PATTERNS, splat(_f32(0.0), PANEL, GROUP)
    columns = steps(span * others.shape[1] * SPAN, PANEL, GROUP)
    for k in range(n):
        own = at(tiles, i * PATTERNS, k // PATTERNS * size + k % PATTERNS)
        x = fma(own, load(others, columns, k * SPAN, PANEL), x)
    store(total, steps(0, PANEL, GROUP), 0, x)


@formula
def span_counts(total, words, i, others, span):
    """total[c] = sum_t popcount(words[t, i] & others[span, t, c]), c < SPAN, as float32.

    total (SPAN,) float32, words (n_tiles, n_units), others (n_spans, n_tiles, SPAN) uint64, C-contiguous.
    """
    n_tiles, n_units = words.shape
    x, columns = splat(_u64(0), PANEL, GROUP), steps(span * n_tiles * SPAN, PANEL, GROUP)
    for t in range(n_tiles):
        x = x + popcount(load(others, columns, t * SPAN, PANEL) & at(words, i, t * n_units))
    store(total, steps(0, PANEL, GROUP), 0, convert(convert(x, _i32), _f32))


@formula
def learn_row(panel, velocity, present, place, data, model, j, scale, scale_model, momentum, rate):
    """dw <- momentum dw + rate (scale data - scale_model model), w <- w + dw for a row of a panel, where present.

    w, dw and present from `place` on in panel, velocity (n,) float32 and present (n,) uint8; data, model from j on
    in (SPAN,) float32. Returns the largest |w| as the bits of its float32, int32, as `learn_lanes` does.
    """
    gradient = load(data, j, 0, PANEL) * scale - load(model, j, 0, PANEL) * scale_model
    dw = momentum * load(velocity, place, 0, PANEL) + rate * gradient
    dw = select(load(present, place, 0, PANEL) != 0, dw, _f32(0.0))
    w = load(panel, place, 0, PANEL) + dw
    store(velocity, place, 0, dw)
    store(panel, place, 0, w)
    return largest(view(w, _i32) & _SIZE)


def _learn_lanes(n_vectors):
    @formula
    def total_of(p, j, rows, n):
        """sum_k p[rows[k], j + c], k < n."""
        columns, x = steps(j, PANEL, n_vectors), splat(_f32(0.0), PANEL, n_vectors)
        for k in range(n):
            x = x + load(p, columns, at(rows, 0, k) * p.shape[1], PANEL)
        return x

    @formula
    def learn_lanes(w, dw, i, j, p, rows, n, p_model, rows_model, n_model, scale, momentum, rate):
        """dw <- momentum dw + rate scale (sum_k p[rows[k]] - sum_k p_model[rows_model[k]]), w <- w + dw in row i.

        From column j on; k ascends to n - 1, to n_model - 1. w, dw (n_rows, m), p, p_model (n_patterns, m) float32,
        rows (n,) int32, C-contiguous. Returns the largest |w| as the bits of its float32, int32: in the order of
        numbers, what is not finite above all.
        """
        gradient = (total_of(p, j, rows, n) - total_of(p_model, j, rows_model, n_model)) * scale
        here = steps(i * w.shape[1] + j, PANEL, n_vectors)
        velocity = momentum * load(dw, here, 0, PANEL) + rate * gradient
        weight = load(w, here, 0, PANEL) + velocity
        store(dw, here, 0, velocity)
        store(w, here, 0, weight)
        return largest(view(weight, _i32) & _SIZE)

    return learn_lanes


learn_lanes, learn_panel = _learn_lanes(WIDTH // PANEL), _learn_lanes(1)
