"""Sums over the synapses of a unit, as vector operations in LLVM, so that the order of every sum is spelled out.

    word_sum   total[c]    = sum_k weight[k] [chain c of word neighbour[k] is on]       few synapses, binary states
    whole_sum  the same with whole numbers of 16 bits for weights                       (see `gibbs`)
    row_sum    total[c, u] = sum_k weight[row[c, k], u]                                 many synapses, few active units
    lane_sum   total[c]    = sum_k weight[k] state[neighbour[k], c]                     few synapses, graded states
    panel_sum  total[u, c] = sum_k weight[k, u] state[k, c]                             many synapses, graded states
    add_rows, row_dots     sums of rows, and rows times vectors, of one matrix          (see `rbm`)

Every sum over k starts at 0 and ascends, lane by lane: adding a row is adding weight x 1, leaving it out is adding
weight x 0, so that all forms give the same bits, on vectors of any width. Products are fused with sums (fma, correctly
rounded by definition): the same bits in hardware and in software. Layouts: see `lanes`.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from analysis.kernels import simd
from analysis.kernels.layouts import AT_ONCE, CHAINS, GROUP, PANEL, PATTERNS, TWO, WIDTH


def _word_sum(n_tiles, number=simd.FLOAT):
    """The intrinsic that adds up the synapses of a unit in n_tiles tiles at once, in float32 or whole numbers."""
    whole = number != simd.FLOAT

    @intrinsic
    def word_sum(typing, total, row, words, tile, first, last, neighbour, weight):
        """total[row + PANEL t, c] = sum_k weight[k] [bit c of words[tile + t, neighbour[k]]], k = first ... last - 1.

        total (n, CHAINS) and weight float32, or int16 and uint32: a whole number of 16 bits twice. words (n_tiles,
        n_units) uint64, neighbour int32; all C-contiguous.
        """
        signature = types.void(total, row, words, tile, first, last, neighbour, weight)

        def codegen(context, builder, signature, arguments):
            total_at, neighbour_at, weight_at = (
                simd.data(context, builder, signature.args[i], arguments[i]) for i in (0, 6, 7)
            )
            array = context.make_array(signature.args[2])(context, builder, arguments[2])
            bases = simd.rows_of(builder, array, arguments[3], n_tiles, 1)
            kind, add = ir.VectorType(number, CHAINS), builder.add if whole else builder.fadd

            def add_synapse(k, accumulators):
                unit = builder.sext(builder.load(builder.gep(neighbour_at, [k])), simd.INT64)
                scale = simd.splat(builder, builder.load(builder.gep(weight_at, [k])), CHAINS // 2 if whole else CHAINS)
                scale = builder.bitcast(scale, kind)
                words = [builder.load(builder.gep(base, [unit])) for base in bases]
                on = [builder.bitcast(word, ir.VectorType(ir.IntType(1), CHAINS)) for word in words]
                return [builder.select(x, add(a, scale), a) for x, a in zip(on, accumulators)]

            zeros = ir.Constant(kind, [0 if whole else 0.0] * CHAINS)
            # Written out several times, LLVM selects and adds whole numbers in two instructions, where one does both.
            loop = arguments[4], arguments[5], [zeros] * n_tiles, add_synapse
            for t, result in enumerate(simd.fold(builder, *loop, unroll=not whole)):
                place = builder.add(arguments[1], simd.int64(PANEL * t))
                simd.store(builder, result, total_at, simd.index(builder, (place, CHAINS)))
            return context.get_dummy_value()

        return signature, codegen

    return word_sum


word_sum, word_sums = _word_sum(1), _word_sum(AT_ONCE)
whole_sum, whole_sums = _word_sum(1, simd.INT16), _word_sum(TWO, simd.INT16)


@intrinsic
def row_sum(typing, total, first_chain, panel, offset, rows, first_list, n_rows):
    """total[first_chain + g, u] = sum_k panel[offset + 2 rows[first_list + g, k] + u], k < n_rows, g < GROUP.

    total (CHAINS, PANEL) float32, panel (n,) float32, rows (n_lists, n) uint16: where the active units' rows begin, in
    steps of two floats (x86 scales an index by 8 bytes at most).
    """
    signature = types.void(total, first_chain, panel, offset, rows, first_list, n_rows)

    def codegen(context, builder, signature, arguments):
        total_at, panel_at = (simd.data(context, builder, signature.args[i], arguments[i]) for i in (0, 2))
        rows = context.make_array(signature.args[4])(context, builder, arguments[4])
        length = builder.extract_value(rows.shape, 1)
        base = builder.bitcast(builder.gep(panel_at, [arguments[3]]), simd.INT64.as_pointer())
        chains, lists = ([builder.add(arguments[k], simd.int64(g)) for g in range(GROUP)] for k in (1, 5))
        lists = [builder.gep(rows.data, [builder.mul(place, length)]) for place in lists]

        def add_rows(k, accumulators):
            offsets = [builder.zext(builder.load(builder.gep(place, [k])), simd.INT64) for place in lists]
            places = [builder.bitcast(builder.gep(base, [o]), panel_at.type) for o in offsets]
            rows = [simd.load(builder, place, simd.int64(0), PANEL) for place in places]
            return [builder.fadd(a, row) for a, row in zip(accumulators, rows)]

        results = simd.fold(builder, simd.int64(0), arguments[6], [simd.zeros(PANEL)] * GROUP, add_rows)
        for chain, result in zip(chains, results):
            simd.store(builder, result, total_at, simd.index(builder, (chain, PANEL)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def transpose(typing, out, row, by_chain):
    """out[row + u, c] = by_chain[c, u]; out (n, CHAINS), by_chain (CHAINS, PANEL), float32."""
    signature = types.void(out, row, by_chain)

    def codegen(context, builder, signature, arguments):
        out_at, chain_at = (simd.data(context, builder, signature.args[i], arguments[i]) for i in (0, 2))
        out_at = builder.gep(out_at, [simd.index(builder, (arguments[1], CHAINS))])
        for first in range(0, CHAINS, PANEL):
            rows = [simd.load(builder, chain_at, simd.int64((first + c) * PANEL), PANEL) for c in range(PANEL)]
            for u, column in enumerate(simd.transposed(builder, rows)):
                simd.store(builder, column, out_at, simd.int64(u * CHAINS + first))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def lowest_bit(typing, word):
    """Position of the lowest bit that is on in a uint64; 64 for none."""

    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


def _lane_sum(n_tiles):
    """The intrinsic that adds up the synapses of a unit in n_tiles tiles at once."""

    @intrinsic
    def lane_sum(typing, total, row, tiles, tile, first, last, neighbour, weight):
        """total[row + PANEL t, c] = sum_k weight[k] tiles[tile + t, neighbour[k], c] for k = first ... last - 1.

        total (n, PATTERNS) and tiles (n_tiles, n_units, PATTERNS) float32, neighbour int32, weight float32; all
        C-contiguous.
        """
        signature = types.void(total, row, tiles, tile, first, last, neighbour, weight)

        def codegen(context, builder, signature, arguments):
            total_at, neighbour_at, weight_at = (
                simd.data(context, builder, signature.args[i], arguments[i]) for i in (0, 6, 7)
            )
            array = context.make_array(signature.args[2])(context, builder, arguments[2])
            bases = simd.rows_of(builder, array, arguments[3], n_tiles, PATTERNS)

            def add_synapse(k, accumulators):
                unit = builder.sext(builder.load(builder.gep(neighbour_at, [k])), simd.INT64)
                scale = simd.splat(builder, builder.load(builder.gep(weight_at, [k])), PATTERNS)
                place = simd.index(builder, (unit, PATTERNS))
                return [
                    simd.fused(builder, scale, simd.load(builder, base, place, PATTERNS), a)
                    for base, a in zip(bases, accumulators)
                ]

            results = simd.fold(builder, arguments[4], arguments[5], [simd.zeros(PATTERNS)] * n_tiles, add_synapse)
            for t, result in enumerate(results):
                place = builder.add(arguments[1], simd.int64(PANEL * t))
                simd.store(builder, result, total_at, simd.index(builder, (place, PATTERNS)))
            return context.get_dummy_value()

        return signature, codegen

    return lane_sum


lane_sum, lane_sums = _lane_sum(1), _lane_sum(TWO)


@intrinsic
def panel_sum(typing, total, row, tiles, tile, first, last, panel, offset):
    """total[row + u, c] = sum_k panel[offset + PANEL k + u] tiles[tile, first + k, c], u < GROUP, first + k < last.

    For units of one panel, from its rows. total (n, PATTERNS), tiles (n_tiles, n_units, PATTERNS), panel (n,) float32.
    """
    signature = types.void(total, row, tiles, tile, first, last, panel, offset)

    def codegen(context, builder, signature, arguments):
        def place(k, u):
            return simd.index(builder, (k, PANEL), simd.int64(u))

        return _panel_sum(context, builder, signature, arguments, place)

    return signature, codegen


@intrinsic
def panel_sum_across(typing, total, row, tiles, tile, first, last, panel, offset, size):
    """total[row + u, c] = sum_k panel[offset + size (k // PANEL) + k % PANEL + PANEL u] tiles[tile, first + k, c].

    For units that are rows, from the same row of all panels; `size` is that of a panel. Else as `panel_sum`.
    """
    signature = types.void(total, row, tiles, tile, first, last, panel, offset, size)

    def codegen(context, builder, signature, arguments):
        def place(k, u):
            block = builder.mul(builder.sdiv(k, simd.int64(PANEL)), arguments[8])
            return builder.add(block, builder.add(builder.srem(k, simd.int64(PANEL)), simd.int64(PANEL * u)))

        return _panel_sum(context, builder, signature, arguments, place)

    return signature, codegen


def _panel_sum(context, builder, signature, arguments, place):
    total_at, panel_at = (simd.data(context, builder, signature.args[i], arguments[i]) for i in (0, 6))
    array = context.make_array(signature.args[2])(context, builder, arguments[2])
    (tile_at,) = simd.rows_of(builder, array, arguments[3], 1, PATTERNS)
    tile_at = builder.gep(tile_at, [simd.index(builder, (arguments[4], PATTERNS))])
    base = builder.gep(panel_at, [arguments[7]])

    def add_neighbour(k, accumulators):
        state = simd.load(builder, tile_at, simd.index(builder, (k, PATTERNS)), PATTERNS)
        weights = [builder.load(builder.gep(base, [place(k, u)])) for u in range(GROUP)]
        return [simd.fused(builder, simd.splat(builder, w, PATTERNS), state, a) for w, a in zip(weights, accumulators)]

    n = builder.sub(arguments[5], arguments[4])
    results = simd.fold(builder, simd.int64(0), n, [simd.zeros(PATTERNS)] * GROUP, add_neighbour)
    for u, result in enumerate(results):
        simd.store(builder, result, total_at, simd.index(builder, (builder.add(arguments[1], simd.int64(u)), PATTERNS)))
    return context.get_dummy_value()


def _row_dots(n_vectors):
    """The intrinsic that multiplies rows with n_vectors vectors at once."""

    @intrinsic
    def row_dots(typing, total, row, i, matrix, vectors, vector):
        """total[row + t, i + g] = sum_j matrix[i + g, j] vectors[vector + t, j], g < GROUP, t < n_vectors.

        In the order j = lane, lane + PANEL, ..., then a binary tree over lanes. total (n_rows, n), matrix (n, m),
        vectors (n_vectors, m) float32, C-contiguous, n a multiple of GROUP, m of PANEL.
        """
        signature = types.void(total, row, i, matrix, vectors, vector)

        def codegen(context, builder, signature, arguments):
            def rows_from(k, row, n):
                array = context.make_array(signature.args[k])(context, builder, arguments[k])
                m = builder.extract_value(array.shape, 1)
                return [builder.gep(array.data, [builder.mul(builder.add(row, simd.int64(t)), m)]) for t in range(n)], m

            totals, _ = rows_from(0, arguments[1], n_vectors)
            weights_at, m = rows_from(3, arguments[2], GROUP)
            states_at, _ = rows_from(4, arguments[5], n_vectors)

            def add_columns(k, accumulators):
                column = builder.mul(k, simd.int64(PANEL))
                states, weights = (
                    [simd.load(builder, at, column, PANEL) for at in rows] for rows in (states_at, weights_at)
                )
                pairs = [(state, weight) for state in states for weight in weights]
                return [simd.fused(builder, w, state, a) for (state, w), a in zip(pairs, accumulators)]

            n_blocks, zeros = builder.sdiv(m, simd.int64(PANEL)), [simd.zeros(PANEL)] * (GROUP * n_vectors)
            results = simd.fold(builder, simd.int64(0), n_blocks, zeros, add_columns)
            for t, total_at in enumerate(totals):
                sums = simd.sums(builder, results[GROUP * t : GROUP * (t + 1)])
                simd.store(builder, sums, total_at, arguments[2])
            return context.get_dummy_value()

        return signature, codegen

    return row_dots


row_dot, row_dots = _row_dots(1), _row_dots(TWO)


@intrinsic
def add_rows(typing, total, row, j, matrix, rows, first, last):
    """total[row, j + c] += sum_k matrix[rows[k], j + c] for k = first ... last - 1, one after the other, c < WIDTH.

    total (n_totals, m), matrix (n, m) float32, rows (n_rows,) int32, C-contiguous.
    """
    signature = types.void(total, row, j, matrix, rows, first, last)

    def codegen(context, builder, signature, arguments):
        total_at, rows_at = (simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 4))
        array = context.make_array(signature.args[3])(context, builder, arguments[3])
        m = builder.extract_value(array.shape, 1)
        total_at = builder.gep(total_at, [builder.mul(arguments[1], m)])

        def vectors(of, row):
            start = builder.add(builder.mul(row, m), arguments[2])
            return [simd.load(builder, of, builder.add(start, simd.int64(v)), PANEL) for v in range(0, WIDTH, PANEL)]

        def add_row(k, accumulators):
            row = builder.sext(builder.load(builder.gep(rows_at, [k])), simd.INT64)
            return [builder.fadd(a, x) for a, x in zip(accumulators, vectors(array.data, row))]

        before = vectors(total_at, simd.int64(0))
        results = simd.fold(builder, arguments[5], arguments[6], before, add_row)
        for v, result in enumerate(results):
            simd.store(builder, result, total_at, builder.add(arguments[2], simd.int64(v * PANEL)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def fma(typing, a, b, c):
    """a b + c in float32, rounded once."""
    signature = types.float32(types.float32, types.float32, types.float32)

    def codegen(context, builder, signature, arguments):
        return simd.fused(builder, *arguments)

    return signature, codegen
