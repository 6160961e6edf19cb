"""Random bits, odds and the states that they decide, as vector operations in LLVM.

    draw_chains, draw_units    random bits: of four units in CHAINS chains, of BLOCK units in one
    draw                       r (1 + odds) < 1 with probability 1 / (1 + odds), odds = exp(-input)
    draw_word, draw_lanes      states of a unit in CHAINS chains, of PANEL units in one
    draw_whole                 the same from sums of whole numbers, and where those leave a doubt (see `gibbs`)
    odds_lanes, relax          odds of PANEL units; graded states sigmoid(input)

Layouts: see `lanes`. Every number is rounded in a stated order, on vectors of any width the same.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from analysis.kernels import simd
from analysis.kernels.layouts import BLOCK, CHAINS, PANEL, PATTERNS


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
    """(surely, perhaps): words of the chains with r (1 + 2^x) < 1 - margin, < 1 + margin, where
    x = (bias + grain total[row, c]) / 2^23 - 127, between -126 and 127.

    The power is rough, to 9e-5. total (n, CHAINS) int16, bits (n, CHAINS) uint32; grain, bias int32, margin float32.
    """
    signature = types.UniTuple(types.uint64, 2)(total, row, bits, bits_row, grain, bias, margin)

    def codegen(context, builder, signature, arguments):
        total_at, bits_at = (simd.data(context, builder, signature.args[k], arguments[k]) for k in (0, 2))
        whole = simd.load(builder, total_at, simd.index(builder, (arguments[1], CHAINS)), CHAINS)
        whole = builder.sext(whole, ir.VectorType(simd.INT32, CHAINS))
        grain, bias = (simd.splat(builder, x, CHAINS) for x in arguments[4:6])
        odds = simd.rough_power(builder, builder.add(builder.mul(whole, grain), bias))
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
