"""The vector operations that carry the simulation, in LLVM, so that the order of every sum is spelled out.

    draw_chains, draw_units    random bits of four units in CHAINS chains, of BLOCK units in one
    word_sum   total[c]    = sum_k weight[k] [chain c of word neighbour[k] is on]       few synapses, binary states
    whole_sum  the same with whole numbers of 16 bits for weights
    row_sum    total[c, u] = sum_k weight[row[c, k], u]                                 many synapses, few active units
    lane_sum   total[c]    = sum_k weight[k] state[neighbour[k], c]                     few synapses, graded states
    panel_sum  total[u, c] = sum_k weight[k, u] state[k, c]                             many synapses, graded states
    lane_dot   sum_t sum_c a[t, i, c] b[t, j, c]                                        learning, few synapses
    span_dot   sum_k a[k] b[k, j]                                                       learning, many synapses

Binary states are words: bit c of a unit's uint64 is chain c. Graded states are tiles (n_units, PATTERNS), the patterns
contiguous. Dense synapses also stand in panels (n_rows, PANEL): a row is one neighbour's weights to PANEL units.
Every sum over k starts at 0 and ascends, lane by lane: adding a row is adding weight x 1, leaving it out is adding
weight x 0, so that all forms give the same bits, on vectors of any width. Products are fused with sums (fma, correctly
rounded by definition): the same bits in hardware and in software.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from analysis import simd

PATTERNS = 32  # graded states side by side
CHAINS = 64  # binary states side by side: the bits of a word
BLOCK = 32  # random numbers that one chain draws at a time
PANEL = 16  # units side by side in a panel
GROUP = 8  # chains whose rows are added in turn, and units of a panel: enough sums to hide the latency of one
AT_ONCE, TWO = 4, 2  # binary and graded tiles that share a read of the weights
SPAN = GROUP * PANEL  # units side by side whose synapses with one unit are learnt in turn
WIDTH = 5 * PANEL  # units side by side where whole rows are added: 70 units fill 80 lanes, 676 fill 720


@intrinsic
def draw_chains(typing, out, row, block, step, chain, key):
    """out[row + j, c] = word j of Philox4x32-7(counter = (block, step, chain + c, stream), key = seed), c < CHAINS.

    out (n, CHAINS) uint32, C-contiguous; key (3,) uint64: seed (two words), stream.
    """
    signature = types.void(out, row, block, step, chain, key)

    def codegen(context, builder, signature, arguments):
        out_at = simd.data(context, builder, signature.args[0], arguments[0])
        seed, stream = _seed_and_stream(context, builder, signature.args[5], arguments[5])
        block, step, chain = (builder.trunc(x, simd.INT32) for x in arguments[2:5])
        chains = builder.add(simd.splat(builder, chain, CHAINS), simd.ascending(CHAINS))
        block, step, stream = (simd.splat(builder, x, CHAINS) for x in (block, step, stream))
        for j, words in enumerate(simd.philox(builder, (block, step, chains, stream), seed)):
            place = builder.add(arguments[1], simd.int64(j))
            simd.store(builder, words, out_at, simd.index(builder, (place, CHAINS)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def draw_units(typing, out, place, block, step, chain, key):
    """out[place + 4 k + j] = word j of Philox4x32-7 at (block + k, step, chain, stream), 4 k + j < BLOCK; uint32."""
    signature = types.void(out, place, block, step, chain, key)

    def codegen(context, builder, signature, arguments):
        out_at, n = simd.data(context, builder, signature.args[0], arguments[0]), BLOCK // 4
        seed, stream = _seed_and_stream(context, builder, signature.args[5], arguments[5])
        block, step, chain = (builder.trunc(x, simd.INT32) for x in arguments[2:5])
        blocks = builder.add(simd.splat(builder, block, n), simd.ascending(n))
        step, chain, stream = (simd.splat(builder, x, n) for x in (step, chain, stream))
        words = simd.philox(builder, (blocks, step, chain, stream), seed)
        pairs = [simd.shuffled(builder, *pair, list(range(2 * n))) for pair in (words[:2], words[2:])]
        order = [j * n + k for k in range(n) for j in range(4)]
        simd.store(builder, simd.shuffled(builder, *pairs, order), out_at, arguments[1])
        return context.get_dummy_value()

    return signature, codegen


def _seed_and_stream(context, builder, array_type, key):
    """((low word of the seed, high word), stream) as i32."""
    key_at = simd.data(context, builder, array_type, key)
    low, high, stream = (
        builder.trunc(builder.load(builder.gep(key_at, [simd.int64(k)])), simd.INT32) for k in range(3)
    )
    return (low, high), stream


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
            results = simd.fold(builder, arguments[4], arguments[5], [zeros] * n_tiles, add_synapse)
            for t, result in enumerate(results):
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
            places = [builder.bitcast(builder.gep(base, [o]), simd.floats(PANEL).as_pointer()) for o in offsets]
            return [builder.fadd(a, builder.load(p, align=simd.ALIGN)) for a, p in zip(accumulators, places)]

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
def exp(typing, x):
    """exp(x) = 2^n 2^f, |f| <= 1/2, for |x| <= 80 (clipped), float32, relative error below 1.5e-6 (|x| < 30: 7e-7).

    2^f by the polynomial of degree 5 whose largest relative error is least (9e-8) among those with p(0) = 1.
    """

    def codegen(context, builder, signature, arguments):
        return simd.exponential(builder, arguments[0])

    return types.float32(types.float32), codegen


@intrinsic
def draw(typing, bits, odds):
    """r (1 + odds), r uniform in [0, 1) from 32 random bits: below 1 with probability 1 / (1 + odds)."""

    def codegen(context, builder, signature, arguments):
        return simd.draw(builder, *arguments)

    return types.float32(types.uint32, types.float32), codegen


@intrinsic
def draw_word(typing, below, above, row, bits, bits_row, factor, bias):
    """Word with bit c on with probability 1 / (1 + odds), odds = exp(-(bias + factor (below + above)[row, c])).

    below, above (n, CHAINS) float32, bits (n, CHAINS) uint32. below[row] takes the odds. Returns uint64.
    """
    signature = types.uint64(below, above, row, bits, bits_row, factor, bias)

    def codegen(context, builder, signature, arguments):
        below_at, above_at, bits_at = (simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 1, 3))
        place = simd.index(builder, (arguments[2], CHAINS))
        sums = (simd.load(builder, at, place, CHAINS) for at in (below_at, above_at))
        odds = simd.odds(builder, *sums, *(simd.splat(builder, x, CHAINS) for x in arguments[5:]))
        simd.store(builder, odds, below_at, place)
        random = simd.load(builder, bits_at, simd.index(builder, (arguments[4], CHAINS)), CHAINS)
        value = simd.draw(builder, random, odds)
        return builder.bitcast(builder.fcmp_ordered("<", value, simd.constant(value, 1.0)), simd.INT64)

    return signature, codegen


@intrinsic
def draw_whole(typing, total, row, bits, bits_row, grain, bias, margin):
    """(surely, perhaps): words of the chains with r (1 + 2^(bias + grain total[row, c])) < 1 - margin, < 1 + margin.

    The power is rough, to 8e-5, and wants an exponent of -126 to 126. total (n, CHAINS) int16, bits (n, CHAINS) uint32.
    """
    signature = types.UniTuple(types.uint64, 2)(total, row, bits, bits_row, grain, bias, margin)

    def codegen(context, builder, signature, arguments):
        total_at, bits_at = (simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 2))
        whole = simd.load(builder, total_at, simd.index(builder, (arguments[1], CHAINS)), CHAINS)
        whole = builder.sitofp(whole, simd.floats(CHAINS))
        grain, bias = (simd.splat(builder, x, CHAINS) for x in arguments[4:6])
        odds = simd.power(builder, simd.fused(builder, grain, whole, bias), 1.0, simd.ROUGH)
        random = simd.load(builder, bits_at, simd.index(builder, (arguments[3], CHAINS)), CHAINS)
        r = simd.upper_bits(builder, random, odds.type)
        value, one, words = simd.fused(builder, r, odds, r), ir.Constant(simd.FLOAT, 2.0**24), []
        for sign in (builder.fsub, builder.fadd):
            bound = sign(one, builder.fmul(one, arguments[6]))
            below = builder.fcmp_ordered("<", value, simd.splat(builder, bound, CHAINS))
            words.append(builder.bitcast(below, simd.INT64))
        return context.make_tuple(builder, signature.return_type, words)

    return signature, codegen


@intrinsic
def draw_lanes(typing, states, row, j, odds, odds_row, bits, place):
    """states[row, j + c] = 1 with probability 1 / (1 + odds[odds_row, j + c]), else 0, c < PANEL.

    states, odds (n, m) float32, bits (n_bits,) uint32: those of lane c stand at place + c.
    """
    signature = types.void(states, row, j, odds, odds_row, bits, place)

    def codegen(context, builder, signature, arguments):
        def at(k, row):
            array = context.make_array(signature.args[k])(context, builder, arguments[k])
            start = builder.mul(arguments[row], builder.extract_value(array.shape, 1))
            return array.data, builder.add(start, arguments[2])

        random = simd.load(builder, simd.data(context, builder, signature.args[5], arguments[5]), arguments[6], PANEL)
        value = simd.draw(builder, random, simd.load(builder, *at(3, 4), PANEL))
        on = builder.fcmp_ordered("<", value, simd.constant(value, 1.0))
        simd.store(builder, builder.select(on, simd.constant(value, 1.0), simd.zeros(PANEL)), *at(0, 1))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def relax(typing, tiles, tile, first, last, below, above, row, factor, bias, n):
    """tiles[tile, u, c] = sigmoid(bias[u] + factor (below + above)[row + u - first, c]) for c < n, else 0, u < last.

    Returns the largest change, from 0 on. tiles (n_tiles, n_units, PATTERNS), below, above (n_rows, PATTERNS), bias
    (n_units,) float32.
    """
    signature = types.float32(tiles, tile, first, last, below, above, row, factor, bias, n)

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        (tile_at,) = simd.rows_of(builder, array, arguments[1], 1, PATTERNS)
        sums_at = [simd.data(context, builder, signature.args[k], arguments[k]) for k in (4, 5)]
        bias_at, first = simd.data(context, builder, signature.args[8], arguments[8]), arguments[2]
        factor = simd.splat(builder, arguments[7], PATTERNS)
        count = simd.splat(builder, builder.trunc(arguments[9], simd.INT32), PATTERNS)
        there = builder.icmp_signed("<", simd.ascending(PATTERNS), count)

        def relax_unit(u, accumulators):
            row = simd.index(builder, (builder.add(arguments[6], builder.sub(u, first)), PATTERNS))
            sums, place = [simd.load(builder, at, row, PATTERNS) for at in sums_at], simd.index(builder, (u, PATTERNS))
            bias = simd.splat(builder, builder.load(builder.gep(bias_at, [u])), PATTERNS)
            odds = simd.odds(builder, *sums, factor, bias)
            one = simd.constant(odds, 1.0)
            value = builder.select(there, builder.fdiv(one, builder.fadd(one, odds)), simd.zeros(PATTERNS))
            change = simd.size(builder, builder.fsub(value, simd.load(builder, tile_at, place, PATTERNS)))
            simd.store(builder, value, tile_at, place)
            return [simd.larger(builder, change, accumulators[0])]

        (change,) = simd.fold(builder, first, arguments[3], [simd.zeros(PATTERNS)], relax_unit)
        return simd.largest(builder, change)

    return signature, codegen


@intrinsic
def popcount(typing, word):
    """Bits that are on in a uint64."""

    def codegen(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), codegen


@intrinsic
def count_common(typing, counts, i, j, x, y, first, n_vectors):
    """counts[i + g, j] += sum_k popcount(x[i + g, k] & y[j, k]), k = first ... first + 8 n_vectors - 1, g < GROUP.

    counts (n_x, n_y) int64, x (n_x, n_words), y (n_y, n_words) uint64; all C-contiguous.
    """
    signature = types.void(counts, i, j, x, y, first, n_vectors)
    vector = ir.VectorType(simd.INT64, 8)

    def codegen(context, builder, signature, arguments):
        def at(k, row, column):
            array = context.make_array(signature.args[k])(context, builder, arguments[k])
            row = builder.mul(row, builder.extract_value(array.shape, 1))
            return builder.gep(array.data, [builder.add(row, column)])

        def words(pointer, k):
            place = builder.gep(pointer, [builder.mul(k, simd.int64(8))])
            return builder.load(builder.bitcast(place, vector.as_pointer()), align=8)

        kind = ir.FunctionType(vector, [vector])
        popcount = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.v8i64")
        units = [builder.add(arguments[1], simd.int64(g)) for g in range(GROUP)]
        rows, other = [at(3, unit, arguments[5]) for unit in units], at(4, arguments[2], arguments[5])

        def add_words(k, accumulators):
            both = [builder.and_(words(other, k), words(row, k)) for row in rows]
            return [builder.add(a, builder.call(popcount, [x])) for a, x in zip(accumulators, both)]

        zeros = ir.Constant(vector, [0] * 8)
        for unit, total in zip(units, simd.fold(builder, simd.int64(0), arguments[6], [zeros] * GROUP, add_words)):
            place = at(0, unit, arguments[2])
            for width in (4, 2, 1):
                halves = (simd.shuffled(builder, total, total, list(range(s, s + width))) for s in (0, width))
                total = builder.add(*halves)
            count = builder.extract_element(total, ir.Constant(simd.INT32, 0))
            builder.store(builder.add(builder.load(place), count), place)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def lowest_bit(typing, word):
    """Position of the lowest bit that is on in a uint64; 64 for none."""

    def codegen(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic
def fma(typing, a, b, c):
    """a b + c in float32, rounded once."""
    signature = types.float32(types.float32, types.float32, types.float32)

    def codegen(context, builder, signature, arguments):
        return simd.fused(builder, *arguments)

    return signature, codegen


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


@intrinsic
def lane_dots(typing, total, place, tiles, i, neighbour, first, last):
    """total[place + g] = sum_t sum_c tiles[t, i, c] tiles[t, neighbour[first + g], c] for g < GROUP.

    Tiles in ascending t lane by lane, then a binary tree over lanes. Beyond last - 1 the last one is repeated.
    total (n,) and tiles (n_tiles, n_units, PATTERNS), float32, neighbour int32; all C-contiguous.
    """
    signature = types.void(total, place, tiles, i, neighbour, first, last)

    def codegen(context, builder, signature, arguments):
        total_at, neighbour_at = (simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 4))
        array = context.make_array(signature.args[2])(context, builder, arguments[2])
        n_tiles, n_units = builder.extract_value(array.shape, 0), builder.extract_value(array.shape, 1)
        others = _group_of(builder, neighbour_at, *arguments[5:])

        def add_tile(t, accumulators):
            base = builder.mul(t, n_units)
            own, *rows = (
                simd.load(builder, array.data, simd.index(builder, (builder.add(base, u), PATTERNS)), PATTERNS)
                for u in (arguments[3], *others)
            )
            return [simd.fused(builder, own, row, a) for row, a in zip(rows, accumulators)]

        vectors = simd.fold(builder, simd.int64(0), n_tiles, [simd.zeros(PATTERNS)] * GROUP, add_tile)
        simd.store(builder, simd.sums(builder, vectors), total_at, arguments[1])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def both_on(typing, total, place, words, i, neighbour, first, last):
    """total[place + g] = sum_t popcount(words[t, i] & words[t, neighbour[first + g]]) for g < GROUP, as float32.

    Beyond last - 1 the last one is repeated. total (n,) float32, words (n_tiles, n_units) uint64, neighbour int32.
    """
    signature = types.void(total, place, words, i, neighbour, first, last)

    def codegen(context, builder, signature, arguments):
        total_at, neighbour_at = (simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 4))
        array = context.make_array(signature.args[2])(context, builder, arguments[2])
        n_tiles, n_units = builder.extract_value(array.shape, 0), builder.extract_value(array.shape, 1)
        others = _group_of(builder, neighbour_at, *arguments[5:])

        def count_tile(t, accumulators):
            base = builder.mul(t, n_units)
            own, *rest = (
                builder.load(builder.gep(array.data, [builder.add(base, u)])) for u in (arguments[3], *others)
            )
            return [builder.add(a, builder.ctpop(builder.and_(own, word))) for a, word in zip(accumulators, rest)]

        for g, count in enumerate(simd.fold(builder, simd.int64(0), n_tiles, [simd.int64(0)] * GROUP, count_tile)):
            target = builder.gep(total_at, [builder.add(arguments[1], simd.int64(g))])
            builder.store(builder.sitofp(count, simd.FLOAT), target)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def span_dots(typing, total, tiles, i, others, span, n):
    """total[c] = sum_k tiles[k // PATTERNS, i, k % PATTERNS] others[span, k, c], k = 0 ... n - 1, c < SPAN.

    total (SPAN,), tiles (n_tiles, n_units, PATTERNS), others (n_spans, n_patterns, SPAN) float32, C-contiguous.
    """
    signature = types.void(total, tiles, i, others, span, n)

    def codegen(context, builder, signature, arguments):
        total_at = simd.data(context, builder, signature.args[0], arguments[0])
        array, table = (context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (1, 3))
        tile_size = builder.mul(builder.extract_value(array.shape, 1), simd.int64(PATTERNS))
        own_at = builder.gep(array.data, [simd.index(builder, (arguments[2], PATTERNS))])
        rows = builder.mul(arguments[4], builder.extract_value(table.shape, 1))
        others_at = builder.gep(table.data, [simd.index(builder, (rows, SPAN))])
        shift, lane = PATTERNS.bit_length() - 1, PATTERNS - 1

        def add_pattern(k, accumulators):
            place = builder.mul(builder.lshr(k, simd.int64(shift)), tile_size)
            place = builder.add(place, builder.and_(k, simd.int64(lane)))
            own = simd.splat(builder, builder.load(builder.gep(own_at, [place])), PANEL)
            row = simd.index(builder, (k, SPAN))
            others = (
                simd.load(builder, others_at, builder.add(row, simd.int64(PANEL * g)), PANEL) for g in range(GROUP)
            )
            return [simd.fused(builder, own, other, a) for other, a in zip(others, accumulators)]

        results = simd.fold(builder, simd.int64(0), arguments[5], [simd.zeros(PANEL)] * GROUP, add_pattern)
        for g, result in enumerate(results):
            simd.store(builder, result, total_at, simd.int64(PANEL * g))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def span_counts(typing, total, words, i, others, span):
    """total[c] = sum_t popcount(words[t, i] & others[span, t, c]), c < SPAN, as float32.

    total (SPAN,) float32, words (n_tiles, n_units), others (n_spans, n_tiles, SPAN) uint64, C-contiguous.
    """
    signature = types.void(total, words, i, others, span)
    vector = ir.VectorType(simd.INT64, PANEL)

    def codegen(context, builder, signature, arguments):
        total_at = simd.data(context, builder, signature.args[0], arguments[0])
        array, table = (context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (1, 3))
        n_tiles, n_units = builder.extract_value(array.shape, 0), builder.extract_value(array.shape, 1)
        rows = builder.mul(arguments[4], n_tiles)
        others_at = builder.gep(table.data, [simd.index(builder, (rows, SPAN))])
        kind = ir.FunctionType(vector, [vector])
        count = cgutils.get_or_insert_function(builder.module, kind, f"llvm.ctpop.v{PANEL}i64")

        def add_tile(t, accumulators):
            place = builder.add(builder.mul(t, n_units), arguments[2])
            own, new = simd.splat(builder, builder.load(builder.gep(array.data, [place])), PANEL), []
            for g, a in enumerate(accumulators):
                at = builder.gep(others_at, [simd.index(builder, (t, SPAN), simd.int64(PANEL * g))])
                other = builder.load(builder.bitcast(at, vector.as_pointer()), align=8)
                new.append(builder.add(a, builder.call(count, [builder.and_(own, other)])))
            return new

        zeros = ir.Constant(vector, [0] * PANEL)
        results = simd.fold(builder, simd.int64(0), n_tiles, [zeros] * GROUP, add_tile)
        for g, result in enumerate(results):
            small = builder.trunc(result, ir.VectorType(simd.INT32, PANEL))
            simd.store(builder, builder.sitofp(small, simd.floats(PANEL)), total_at, simd.int64(PANEL * g))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def learn_row(typing, panel, velocity, present, place, data, model, at, scale, scale_model, momentum, rate):
    """dw <- momentum dw + rate (scale data - scale_model model), w <- w + dw for a row of a panel, where present.

    w, dw and present from `place` on in panel, velocity (n,) float32 and present (n,) uint8; data, model from `at` on
    in (SPAN,) float32. Returns the largest |w| as the bits of its float32, int32, as `learn_lanes` does.
    """
    signature = types.int32(panel, velocity, present, place, data, model, at, scale, scale_model, momentum, rate)

    def codegen(context, builder, signature, arguments):
        panel_at, velocity_at, present_at, data_at, model_at = (
            simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 1, 2, 4, 5)
        )
        place, at = arguments[3], arguments[6]
        scale, scale_model, momentum, rate = (simd.splat(builder, x, PANEL) for x in arguments[7:])
        bytes_at = builder.bitcast(builder.gep(present_at, [place]), ir.VectorType(ir.IntType(8), PANEL).as_pointer())
        here = builder.load(bytes_at, align=1)
        here = builder.icmp_unsigned("!=", here, ir.Constant(here.type, [0] * PANEL))
        data = builder.fmul(simd.load(builder, data_at, at, PANEL), scale)
        gradient = builder.fsub(data, builder.fmul(simd.load(builder, model_at, at, PANEL), scale_model))
        change = builder.fmul(momentum, simd.load(builder, velocity_at, place, PANEL))
        change = builder.fadd(change, builder.fmul(rate, gradient))
        change = builder.select(here, change, simd.zeros(PANEL))
        weight = builder.fadd(simd.load(builder, panel_at, place, PANEL), change)
        simd.store(builder, change, velocity_at, place)
        simd.store(builder, weight, panel_at, place)
        bits = builder.bitcast(weight, ir.VectorType(simd.INT32, PANEL))
        return simd.largest(builder, builder.and_(bits, simd.constant(bits, 0x7FFFFFFF)))

    return signature, codegen


def _group_of(builder, neighbour_at, first, last):
    """neighbour[first + g] as i64 for g < GROUP; beyond last - 1 the last one."""
    end, found = builder.sub(last, simd.int64(1)), []
    for g in range(GROUP):
        k = builder.add(first, simd.int64(g))
        k = builder.select(builder.icmp_signed("<", k, end), k, end)
        found.append(builder.sext(builder.load(builder.gep(neighbour_at, [k])), simd.INT64))
    return found


@intrinsic
def row_dots(typing, total, row, i, matrix, vectors, vector):
    """total[row, i + g] = sum_j matrix[i + g, j] vectors[vector, j], g < GROUP.

    In the order j = lane, lane + PANEL, ..., then a binary tree over lanes. total (n_rows, n), matrix (n, m), vectors
    (n_vectors, m) float32, C-contiguous, n a multiple of GROUP, m of PANEL.
    """
    signature = types.void(total, row, i, matrix, vectors, vector)

    def codegen(context, builder, signature, arguments):
        out = context.make_array(signature.args[0])(context, builder, arguments[0])
        total_at = builder.gep(out.data, [builder.mul(arguments[1], builder.extract_value(out.shape, 1))])
        array = context.make_array(signature.args[3])(context, builder, arguments[3])
        m = builder.extract_value(array.shape, 1)
        vectors_at = simd.data(context, builder, signature.args[4], arguments[4])
        vector_at = builder.gep(vectors_at, [builder.mul(arguments[5], m)])
        rows = [builder.mul(builder.add(arguments[2], simd.int64(g)), m) for g in range(GROUP)]

        def add_columns(k, accumulators):
            column = builder.mul(k, simd.int64(PANEL))
            state = simd.load(builder, vector_at, column, PANEL)
            weights = [simd.load(builder, array.data, builder.add(row, column), PANEL) for row in rows]
            return [simd.fused(builder, w, state, a) for w, a in zip(weights, accumulators)]

        n_blocks = builder.sdiv(m, simd.int64(PANEL))
        vectors = simd.fold(builder, simd.int64(0), n_blocks, [simd.zeros(PANEL)] * GROUP, add_columns)
        simd.store(builder, simd.sums(builder, vectors), total_at, arguments[2])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add_rows(typing, total, row, j, matrix, rows, n_rows):
    """total[row, j + c] = sum_k matrix[rows[k], j + c] for k = 0 ... n_rows - 1, c < WIDTH.

    total (n_totals, m), matrix (n, m) float32, rows (n_rows,) int32, C-contiguous.
    """
    signature = types.void(total, row, j, matrix, rows, n_rows)

    def codegen(context, builder, signature, arguments):
        total_at, rows_at = (simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 4))
        array = context.make_array(signature.args[3])(context, builder, arguments[3])
        m = builder.extract_value(array.shape, 1)
        total_at = builder.gep(total_at, [builder.mul(arguments[1], m)])

        def add_row(k, accumulators):
            row = builder.sext(builder.load(builder.gep(rows_at, [k])), simd.INT64)
            start = builder.add(builder.mul(row, m), arguments[2])
            return [
                builder.fadd(a, simd.load(builder, array.data, builder.add(start, simd.int64(v * PANEL)), PANEL))
                for v, a in enumerate(accumulators)
            ]

        for v, result in enumerate(
            simd.fold(builder, simd.int64(0), arguments[5], [simd.zeros(PANEL)] * (WIDTH // PANEL), add_row)
        ):
            simd.store(builder, result, total_at, builder.add(arguments[2], simd.int64(v * PANEL)))
        return context.get_dummy_value()

    return signature, codegen


def _learn_lanes(width):
    """The intrinsic that learns `width` neighbouring parameters."""

    @intrinsic
    def learn_lanes(typing, w, dw, i, j, p, rows, n, p_model, rows_model, n_model, scale, momentum, rate):
        """dw <- momentum dw + rate scale (sum_k p[rows[k]] - sum_k p_model[rows_model[k]]), w <- w + dw in row i.

        From column j on; k ascends to n - 1, to n_model - 1. w, dw (n_rows, m), p, p_model (n_patterns, m) float32,
        rows (n,) int32, C-contiguous. Returns the largest |w| as the bits of its float32, int32: in the order of
        numbers, what is not finite above all.
        """
        signature = types.int32(w, dw, i, j, p, rows, n, p_model, rows_model, n_model, scale, momentum, rate)

        def codegen(context, builder, signature, arguments):
            def matrix(k):
                array = context.make_array(signature.args[k])(context, builder, arguments[k])
                return array.data, builder.extract_value(array.shape, 1)

            def lanes(pointer, m, row):
                start = builder.add(builder.mul(row, m), arguments[3])
                return [
                    simd.vector_at(builder, pointer, builder.add(start, simd.int64(v)), PANEL)
                    for v in range(0, width, PANEL)
                ]

            def total(of, rows, n):
                rows_at = simd.data(context, builder, signature.args[rows], arguments[rows])

                def add_row(k, accumulators):
                    row = builder.sext(builder.load(builder.gep(rows_at, [k])), simd.INT64)
                    places = lanes(*matrix(of), row)
                    return [builder.fadd(a, builder.load(p, align=simd.ALIGN)) for a, p in zip(accumulators, places)]

                return simd.fold(builder, simd.int64(0), arguments[n], [simd.zeros(PANEL)] * (width // PANEL), add_row)

            data, model = total(4, 5, 6), total(7, 8, 9)
            scale, momentum, rate = (simd.splat(builder, x, PANEL) for x in arguments[10:])
            magnitudes = None
            for w_at, dw_at, x, y in zip(lanes(*matrix(0), arguments[2]), lanes(*matrix(1), arguments[2]), data, model):
                gradient = builder.fmul(builder.fsub(x, y), scale)
                velocity = builder.fmul(momentum, builder.load(dw_at, align=simd.ALIGN))
                velocity = builder.fadd(velocity, builder.fmul(rate, gradient))
                weight = builder.fadd(builder.load(w_at, align=simd.ALIGN), velocity)
                builder.store(velocity, dw_at, align=simd.ALIGN)
                builder.store(weight, w_at, align=simd.ALIGN)
                bits = builder.bitcast(weight, ir.VectorType(simd.INT32, PANEL))
                bits = builder.and_(bits, simd.constant(bits, 0x7FFFFFFF))
                magnitudes = bits if magnitudes is None else simd.larger(builder, magnitudes, bits)
            return simd.largest(builder, magnitudes)

        return signature, codegen

    return learn_lanes


learn_lanes, learn_panel = _learn_lanes(WIDTH), _learn_lanes(PANEL)


@intrinsic
def odds_lanes(typing, total, row, j, bias, factor):
    """total[row, j + c] <- exp(-(bias[0, j + c] + factor total[row, j + c])), c < PANEL; float32, two dimensions."""
    signature = types.void(total, row, j, bias, factor)

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.add(builder.mul(arguments[1], builder.extract_value(array.shape, 1)), arguments[2])
        b = simd.load(builder, simd.data(context, builder, signature.args[3], arguments[3]), arguments[2], PANEL)
        value = simd.load(builder, array.data, place, PANEL)
        odds = simd.odds(builder, value, simd.zeros(PANEL), simd.splat(builder, arguments[4], PANEL), b)
        simd.store(builder, odds, array.data, place)
        return context.get_dummy_value()

    return signature, codegen
