"""The vector operations that carry the simulation, in LLVM, so that the order of every sum is spelled out.

    word_sum   total[c]    = sum_k weight[k] [chain c of word neighbour[k] is on]       few synapses, binary states
    row_sum    total[c, u] = sum_k weight[row[c, k], u]                                 many synapses, few active units
    lane_sum   total[c]    = sum_k weight[k] state[neighbour[k], c]                     few synapses, graded states
    panel_sum  total[u, c] = sum_k weight[k, u] state[k, c]                             many synapses, graded states
    lane_dot   sum_t sum_c a[t, i, c] b[t, j, c]                                        learning

Binary states are words: bit c of a unit's uint64 is chain c. Graded states are tiles (n_units, PATTERNS), the patterns
contiguous. Dense synapses also stand in panels (n_rows, PANEL): a row is one neighbour's weights to PANEL units.
Every sum over k starts at 0 and ascends, lane by lane: adding a row is adding weight x 1, leaving it out is adding
weight x 0, so that all forms give the same bits, on vectors of any width. Products are fused with sums (fma, correctly
rounded by definition): the same bits in hardware and in software.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

PATTERNS = 32  # graded states side by side
CHAINS = 64  # binary states side by side: the bits of a word
PANEL = 16  # units side by side in a panel
GROUP = 8  # chains whose rows are added in turn, and units of a panel: enough sums to hide the latency of one
AT_ONCE, TWO = 4, 2  # binary and graded tiles that share a read of the weights
WIDTH = 5 * PANEL  # units side by side where whole rows are added: 70 units fill 80 lanes, 676 fill 720

_FLOAT, _INT16, _INT32, _INT64 = ir.FloatType(), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_EXP = 1.32647e-3, 9.67151e-3, 5.550734e-2, 2.4022242e-1, 6.9314698e-1, 1.0  # of 2^f, f^5 first
_ALIGN = 4  # numpy promises no more than the alignment of one float32


def _floats(n):
    return ir.VectorType(_FLOAT, n)


def _data(context, builder, array_type, array):
    return context.make_array(array_type)(context, builder, array).data


def _int64(value):
    return ir.Constant(_INT64, value)


def _index(builder, *terms):
    """Sum of products: ((a, b), c) -> a b + c, as i64."""
    total = _int64(0)
    for term in terms:
        if isinstance(term, tuple):
            term = builder.mul(term[0], _int64(term[1]))
        total = builder.add(total, term)
    return total


def _splat(builder, scalar, n):
    """The scalar in every lane."""
    undefined = ir.Constant(ir.VectorType(scalar.type, n), ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(_INT32, n), [0] * n))


def _rows_of(builder, array, tile, n_tiles, n_lanes):
    """Pointers to array[tile], array[tile + 1], ..., of n_units times n_lanes numbers each."""
    size = builder.mul(builder.extract_value(array.shape, 1), _int64(n_lanes))
    return [builder.gep(array.data, [builder.mul(builder.add(tile, _int64(t)), size)]) for t in range(n_tiles)]


def _vector_at(builder, pointer, offset, n):
    """Pointer to n floats, `offset` floats further on."""
    return builder.bitcast(builder.gep(pointer, [offset]), _floats(n).as_pointer())


def _load(builder, pointer, offset, n):
    return builder.load(_vector_at(builder, pointer, offset, n), align=_ALIGN)


def _store(builder, value, pointer, offset):
    builder.store(value, _vector_at(builder, pointer, offset, value.type.count), align=_ALIGN)


def _fold(builder, first, last, initial, body):
    """Fold body(k, accumulators) over k = first ... last - 1; leaves the builder after the loop."""
    entry = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    k, accumulators = builder.phi(_INT64), [builder.phi(value.type) for value in initial]
    builder.cbranch(builder.icmp_signed("<", k, last), inside, after)
    builder.position_at_end(inside)
    new = [builder.add(k, _int64(1)), *body(k, accumulators)]
    for phi, start, value in zip([k, *accumulators], [first, *initial], new):
        phi.add_incoming(start, entry)
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return accumulators


def _fma(builder, a, b, c):
    """a b + c, rounded once; numbers or vectors."""
    suffix = f"v{a.type.count}f32" if isinstance(a.type, ir.VectorType) else "f32"
    kind = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.{suffix}"), [a, b, c])


def _zeros(n):
    return ir.Constant(_floats(n), [0.0] * n)


def _word_sum(n_tiles):
    """The intrinsic that adds up the synapses of a unit in n_tiles tiles at once."""

    @intrinsic
    def word_sum(typing, total, row, words, tile, first, last, neighbour, weight):
        """total[row + PANEL t, c] = sum_k weight[k] [bit c of words[tile + t, neighbour[k]]], k = first ... last - 1.

        total (n, CHAINS) float32, words (n_tiles, n_units) uint64, neighbour int32, weight float32; all C-contiguous.
        """
        signature = types.void(total, row, words, tile, first, last, neighbour, weight)

        def codegen(context, builder, signature, arguments):
            total_at, neighbour_at, weight_at = (
                _data(context, builder, signature.args[i], arguments[i]) for i in (0, 6, 7)
            )
            array = context.make_array(signature.args[2])(context, builder, arguments[2])
            bases = _rows_of(builder, array, arguments[3], n_tiles, 1)

            def add_synapse(k, accumulators):
                unit = builder.sext(builder.load(builder.gep(neighbour_at, [k])), _INT64)
                scale = _splat(builder, builder.load(builder.gep(weight_at, [k])), CHAINS)
                words = [builder.load(builder.gep(base, [unit])) for base in bases]
                on = [builder.bitcast(word, ir.VectorType(ir.IntType(1), CHAINS)) for word in words]
                return [builder.select(x, builder.fadd(a, scale), a) for x, a in zip(on, accumulators)]

            results = _fold(builder, arguments[4], arguments[5], [_zeros(CHAINS)] * n_tiles, add_synapse)
            for t, result in enumerate(results):
                place = builder.add(arguments[1], _int64(PANEL * t))
                _store(builder, result, total_at, _index(builder, (place, CHAINS)))
            return context.get_dummy_value()

        return signature, codegen

    return word_sum


word_sum, word_sums = _word_sum(1), _word_sum(AT_ONCE)


@intrinsic
def row_sum(typing, total, first_chain, panel, offset, rows, first_list, n_rows):
    """total[first_chain + g, u] = sum_k panel[offset + 2 rows[first_list + g, k] + u], k < n_rows, g < GROUP.

    total (CHAINS, PANEL) float32, panel (n,) float32, rows (n_lists, n) uint16: where the active units' rows begin, in
    steps of two floats (x86 scales an index by 8 bytes at most).
    """
    signature = types.void(total, first_chain, panel, offset, rows, first_list, n_rows)

    def codegen(context, builder, signature, arguments):
        total_at, panel_at = (_data(context, builder, signature.args[i], arguments[i]) for i in (0, 2))
        rows = context.make_array(signature.args[4])(context, builder, arguments[4])
        length = builder.extract_value(rows.shape, 1)
        base = builder.bitcast(builder.gep(panel_at, [arguments[3]]), _INT64.as_pointer())
        chains, lists = ([builder.add(arguments[k], _int64(g)) for g in range(GROUP)] for k in (1, 5))
        lists = [builder.gep(rows.data, [builder.mul(place, length)]) for place in lists]

        def add_rows(k, accumulators):
            offsets = [builder.zext(builder.load(builder.gep(place, [k])), _INT64) for place in lists]
            places = [builder.bitcast(builder.gep(base, [o]), _floats(PANEL).as_pointer()) for o in offsets]
            return [builder.fadd(a, builder.load(p, align=_ALIGN)) for a, p in zip(accumulators, places)]

        results = _fold(builder, _int64(0), arguments[6], [_zeros(PANEL)] * GROUP, add_rows)
        for chain, result in zip(chains, results):
            _store(builder, result, total_at, _index(builder, (chain, PANEL)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def transpose(typing, out, row, by_chain):
    """out[row + u, c] = by_chain[c, u]; out (n, CHAINS), by_chain (CHAINS, PANEL), float32."""
    signature = types.void(out, row, by_chain)

    def codegen(context, builder, signature, arguments):
        out_at, chain_at = (_data(context, builder, signature.args[i], arguments[i]) for i in (0, 2))
        out_at = builder.gep(out_at, [_index(builder, (arguments[1], CHAINS))])
        for first in range(0, CHAINS, PANEL):
            rows = [_load(builder, chain_at, _int64((first + c) * PANEL), PANEL) for c in range(PANEL)]
            for u, column in enumerate(_transposed(builder, rows)):
                _store(builder, column, out_at, _int64(u * CHAINS + first))
        return context.get_dummy_value()

    return signature, codegen


def _transposed(builder, rows):
    """n vectors of n floats, transposed: swap the off-diagonal blocks of size n/2, then n/4, ... 1."""
    n = len(rows)
    size = n // 2
    while size:
        low = [c if c & size == 0 else n + c - size for c in range(n)]
        high = [c + size if c & size == 0 else n + c for c in range(n)]
        masks = [ir.Constant(ir.VectorType(_INT32, n), mask) for mask in (low, high)]
        for r in range(n):
            if r & size == 0:
                pair = rows[r], rows[r + size]
                rows[r], rows[r + size] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        size //= 2
    return rows


def _constant(like, value):
    """The number in every lane of a type like this value's."""
    lanes = like.type.count if isinstance(like.type, ir.VectorType) else None
    return ir.Constant(like.type, value if lanes is None else [value] * lanes)


def _float(value):
    """The float32 nearest to a number, as LLVM reads it."""
    return float(np.float32(value))


def _exp(builder, x):
    """exp(x) of numbers or vectors, see `exp`."""
    low, high = _constant(x, -80.0), _constant(x, 80.0)
    x = builder.select(builder.fcmp_ordered(">", x, low), x, low)
    x = builder.select(builder.fcmp_ordered("<", x, high), x, high)
    log2_e, shift = _constant(x, _float(np.log2(np.e))), _constant(x, 1.5 * 2.0**23)
    rounded = _fma(builder, x, log2_e, shift)  # no float32 of this size has a fraction: n stands in the lowest bits
    f = _fma(builder, x, log2_e, builder.fsub(shift, rounded))
    power = _constant(x, _float(_EXP[0]))
    for coefficient in _EXP[1:]:
        power = _fma(builder, power, f, _constant(x, _float(coefficient)))
    integer = ir.VectorType(_INT32, x.type.count) if isinstance(x.type, ir.VectorType) else _INT32
    power, rounded = (builder.bitcast(value, integer) for value in (power, rounded))
    return builder.bitcast(builder.add(power, builder.shl(rounded, _constant(rounded, 23))), x.type)


def _odds(builder, below, above, factor, bias):
    """exp(-(bias + factor (below + above)))."""
    return _exp(builder, builder.fneg(_fma(builder, factor, builder.fadd(below, above), bias)))


def _draw(builder, bits, odds):
    """r (1 + odds), see `draw`."""
    r = builder.sitofp(builder.lshr(bits, _constant(bits, 8)), odds.type)
    r = builder.fmul(r, _constant(odds, 2.0**-24))  # 24 of 32 bits: what a float32 holds exactly
    return _fma(builder, r, odds, r)


@intrinsic
def exp(typing, x):
    """exp(x) = 2^n 2^f, |f| <= 1/2, for |x| <= 80 (clipped), float32, relative error below 1.5e-6 (|x| < 30: 7e-7).

    2^f by the polynomial of degree 5 whose largest relative error is least (9e-8) among those with p(0) = 1.
    """

    def codegen(context, builder, signature, arguments):
        return _exp(builder, arguments[0])

    return types.float32(types.float32), codegen


@intrinsic
def draw(typing, bits, odds):
    """r (1 + odds), r uniform in [0, 1) from 32 random bits: below 1 with probability 1 / (1 + odds)."""

    def codegen(context, builder, signature, arguments):
        return _draw(builder, *arguments)

    return types.float32(types.uint32, types.float32), codegen


@intrinsic
def draw_word(typing, below, above, row, bits, bits_row, factor, bias):
    """Word with bit c on with probability 1 / (1 + odds), odds = exp(-(bias + factor (below + above)[row, c])).

    below, above (n, CHAINS) float32, bits (n, CHAINS) uint32. below[row] takes the odds. Returns uint64.
    """
    signature = types.uint64(below, above, row, bits, bits_row, factor, bias)

    def codegen(context, builder, signature, arguments):
        below_at, above_at, bits_at = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 1, 3))
        place = _index(builder, (arguments[2], CHAINS))
        sums = (_load(builder, at, place, CHAINS) for at in (below_at, above_at))
        odds = _odds(builder, *sums, *(_splat(builder, x, CHAINS) for x in arguments[5:]))
        _store(builder, odds, below_at, place)
        at = builder.gep(bits_at, [_index(builder, (arguments[4], CHAINS))])
        random = builder.load(builder.bitcast(at, ir.VectorType(_INT32, CHAINS).as_pointer()), align=_ALIGN)
        value = _draw(builder, random, odds)
        return builder.bitcast(builder.fcmp_ordered("<", value, _constant(value, 1.0)), _INT64)

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

        bits_at = builder.gep(_data(context, builder, signature.args[5], arguments[5]), [arguments[6]])
        random = builder.load(builder.bitcast(bits_at, ir.VectorType(_INT32, PANEL).as_pointer()), align=_ALIGN)
        value = _draw(builder, random, _load(builder, *at(3, 4), PANEL))
        on = builder.fcmp_ordered("<", value, _constant(value, 1.0))
        _store(builder, builder.select(on, _constant(value, 1.0), _zeros(PANEL)), *at(0, 1))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def relax(typing, tiles, tile, unit, below, above, row, factor, bias, n):
    """tiles[tile, unit, c] = sigmoid(bias + factor (below + above)[row, c]) for c < n, else 0.

    Returns the largest change of the unit. tiles (n_tiles, n_units, PATTERNS), below, above (n_rows, PATTERNS) float32.
    """
    signature = types.float32(tiles, tile, unit, below, above, row, factor, bias, n)

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        (tile_at,) = _rows_of(builder, array, arguments[1], 1, PATTERNS)
        place, row = (_index(builder, (arguments[k], PATTERNS)) for k in (2, 5))
        sums = (_load(builder, _data(context, builder, signature.args[k], arguments[k]), row, PATTERNS) for k in (3, 4))
        odds = _odds(builder, *sums, *(_splat(builder, x, PATTERNS) for x in arguments[6:8]))
        one = _constant(odds, 1.0)
        value = builder.fdiv(one, builder.fadd(one, odds))
        lanes = ir.Constant(ir.VectorType(_INT32, PATTERNS), list(range(PATTERNS)))
        n = _splat(builder, builder.trunc(arguments[8], _INT32), PATTERNS)
        value = builder.select(builder.icmp_signed("<", lanes, n), value, _zeros(PATTERNS))
        change = builder.fsub(value, _load(builder, tile_at, place, PATTERNS))
        _store(builder, value, tile_at, place)
        change = builder.select(builder.fcmp_ordered("<", change, _zeros(PATTERNS)), builder.fneg(change), change)
        return _largest(builder, change)

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
    vector = ir.VectorType(_INT64, 8)

    def codegen(context, builder, signature, arguments):
        def at(k, row, column):
            array = context.make_array(signature.args[k])(context, builder, arguments[k])
            row = builder.mul(row, builder.extract_value(array.shape, 1))
            return builder.gep(array.data, [builder.add(row, column)])

        def words(pointer, k):
            place = builder.gep(pointer, [builder.mul(k, _int64(8))])
            return builder.load(builder.bitcast(place, vector.as_pointer()), align=8)

        kind = ir.FunctionType(vector, [vector])
        popcount = cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.v8i64")
        units = [builder.add(arguments[1], _int64(g)) for g in range(GROUP)]
        rows, other = [at(3, unit, arguments[5]) for unit in units], at(4, arguments[2], arguments[5])

        def add_words(k, accumulators):
            both = [builder.and_(words(other, k), words(row, k)) for row in rows]
            return [builder.add(a, builder.call(popcount, [x])) for a, x in zip(accumulators, both)]

        zeros = ir.Constant(vector, [0] * 8)
        for unit, total in zip(units, _fold(builder, _int64(0), arguments[6], [zeros] * GROUP, add_words)):
            place = at(0, unit, arguments[2])
            for width in (4, 2, 1):
                halves = (_shuffled(builder, total, total, list(range(s, s + width))) for s in (0, width))
                total = builder.add(*halves)
            count = builder.extract_element(total, ir.Constant(_INT32, 0))
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
        return _fma(builder, *arguments)

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
                _data(context, builder, signature.args[i], arguments[i]) for i in (0, 6, 7)
            )
            array = context.make_array(signature.args[2])(context, builder, arguments[2])
            bases = _rows_of(builder, array, arguments[3], n_tiles, PATTERNS)

            def add_synapse(k, accumulators):
                unit = builder.sext(builder.load(builder.gep(neighbour_at, [k])), _INT64)
                scale = _splat(builder, builder.load(builder.gep(weight_at, [k])), PATTERNS)
                place = _index(builder, (unit, PATTERNS))
                return [
                    _fma(builder, scale, _load(builder, base, place, PATTERNS), a)
                    for base, a in zip(bases, accumulators)
                ]

            results = _fold(builder, arguments[4], arguments[5], [_zeros(PATTERNS)] * n_tiles, add_synapse)
            for t, result in enumerate(results):
                place = builder.add(arguments[1], _int64(PANEL * t))
                _store(builder, result, total_at, _index(builder, (place, PATTERNS)))
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
            return _index(builder, (k, PANEL), _int64(u))

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
            block = builder.mul(builder.sdiv(k, _int64(PANEL)), arguments[8])
            return builder.add(block, builder.add(builder.srem(k, _int64(PANEL)), _int64(PANEL * u)))

        return _panel_sum(context, builder, signature, arguments, place)

    return signature, codegen


def _panel_sum(context, builder, signature, arguments, place):
    total_at, panel_at = (_data(context, builder, signature.args[i], arguments[i]) for i in (0, 6))
    array = context.make_array(signature.args[2])(context, builder, arguments[2])
    (tile_at,) = _rows_of(builder, array, arguments[3], 1, PATTERNS)
    tile_at = builder.gep(tile_at, [_index(builder, (arguments[4], PATTERNS))])
    base = builder.gep(panel_at, [arguments[7]])

    def add_neighbour(k, accumulators):
        state = _load(builder, tile_at, _index(builder, (k, PATTERNS)), PATTERNS)
        weights = [builder.load(builder.gep(base, [place(k, u)])) for u in range(GROUP)]
        return [_fma(builder, _splat(builder, w, PATTERNS), state, a) for w, a in zip(weights, accumulators)]

    n = builder.sub(arguments[5], arguments[4])
    results = _fold(builder, _int64(0), n, [_zeros(PATTERNS)] * GROUP, add_neighbour)
    for u, result in enumerate(results):
        _store(builder, result, total_at, _index(builder, (builder.add(arguments[1], _int64(u)), PATTERNS)))
    return context.get_dummy_value()


@intrinsic
def lane_dots(typing, total, place, tiles, i, neighbour, first, last):
    """total[place + g] = sum_t sum_c tiles[t, i, c] tiles[t, neighbour[first + g], c] for g < GROUP.

    Tiles in ascending t lane by lane, then a binary tree over lanes. Beyond last - 1 the last one is repeated.
    total (n,) and tiles (n_tiles, n_units, PATTERNS), float32, neighbour int32; all C-contiguous.
    """
    signature = types.void(total, place, tiles, i, neighbour, first, last)

    def codegen(context, builder, signature, arguments):
        total_at, neighbour_at = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 4))
        array = context.make_array(signature.args[2])(context, builder, arguments[2])
        n_tiles, n_units = builder.extract_value(array.shape, 0), builder.extract_value(array.shape, 1)
        others = _group_of(builder, neighbour_at, *arguments[5:])

        def add_tile(t, accumulators):
            base = builder.mul(t, n_units)
            own, *rows = (
                _load(builder, array.data, _index(builder, (builder.add(base, u), PATTERNS)), PATTERNS)
                for u in (arguments[3], *others)
            )
            return [_fma(builder, own, row, a) for row, a in zip(rows, accumulators)]

        vectors = _fold(builder, _int64(0), n_tiles, [_zeros(PATTERNS)] * GROUP, add_tile)
        _store(builder, _sums(builder, vectors), total_at, arguments[1])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def both_on(typing, total, place, words, i, neighbour, first, last):
    """total[place + g] = sum_t popcount(words[t, i] & words[t, neighbour[first + g]]) for g < GROUP, as float32.

    Beyond last - 1 the last one is repeated. total (n,) float32, words (n_tiles, n_units) uint64, neighbour int32.
    """
    signature = types.void(total, place, words, i, neighbour, first, last)

    def codegen(context, builder, signature, arguments):
        total_at, neighbour_at = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 4))
        array = context.make_array(signature.args[2])(context, builder, arguments[2])
        n_tiles, n_units = builder.extract_value(array.shape, 0), builder.extract_value(array.shape, 1)
        others = _group_of(builder, neighbour_at, *arguments[5:])

        def count_tile(t, accumulators):
            base = builder.mul(t, n_units)
            own, *rest = (
                builder.load(builder.gep(array.data, [builder.add(base, u)])) for u in (arguments[3], *others)
            )
            return [builder.add(a, builder.ctpop(builder.and_(own, word))) for a, word in zip(accumulators, rest)]

        for g, count in enumerate(_fold(builder, _int64(0), n_tiles, [_int64(0)] * GROUP, count_tile)):
            target = builder.gep(total_at, [builder.add(arguments[1], _int64(g))])
            builder.store(builder.sitofp(count, _FLOAT), target)
        return context.get_dummy_value()

    return signature, codegen


def _group_of(builder, neighbour_at, first, last):
    """neighbour[first + g] as i64 for g < GROUP; beyond last - 1 the last one."""
    end, found = builder.sub(last, _int64(1)), []
    for g in range(GROUP):
        k = builder.add(first, _int64(g))
        k = builder.select(builder.icmp_signed("<", k, end), k, end)
        found.append(builder.sext(builder.load(builder.gep(neighbour_at, [k])), _INT64))
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
        vectors_at = _data(context, builder, signature.args[4], arguments[4])
        vector_at = builder.gep(vectors_at, [builder.mul(arguments[5], m)])
        rows = [builder.mul(builder.add(arguments[2], _int64(g)), m) for g in range(GROUP)]

        def add_columns(k, accumulators):
            column = builder.mul(k, _int64(PANEL))
            state = _load(builder, vector_at, column, PANEL)
            weights = [_load(builder, array.data, builder.add(row, column), PANEL) for row in rows]
            return [_fma(builder, w, state, a) for w, a in zip(weights, accumulators)]

        n_blocks = builder.sdiv(m, _int64(PANEL))
        vectors = _fold(builder, _int64(0), n_blocks, [_zeros(PANEL)] * GROUP, add_columns)
        _store(builder, _sums(builder, vectors), total_at, arguments[2])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add_rows(typing, total, row, j, matrix, rows, n_rows):
    """total[row, j + c] = sum_k matrix[rows[k], j + c] for k = 0 ... n_rows - 1, c < WIDTH.

    total (n_totals, m), matrix (n, m) float32, rows (n_rows,) int32, C-contiguous.
    """
    signature = types.void(total, row, j, matrix, rows, n_rows)

    def codegen(context, builder, signature, arguments):
        total_at, rows_at = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 4))
        array = context.make_array(signature.args[3])(context, builder, arguments[3])
        m = builder.extract_value(array.shape, 1)
        total_at = builder.gep(total_at, [builder.mul(arguments[1], m)])

        def add_row(k, accumulators):
            row = builder.sext(builder.load(builder.gep(rows_at, [k])), _INT64)
            start = builder.add(builder.mul(row, m), arguments[2])
            return [
                builder.fadd(a, _load(builder, array.data, builder.add(start, _int64(v * PANEL)), PANEL))
                for v, a in enumerate(accumulators)
            ]

        for v, result in enumerate(
            _fold(builder, _int64(0), arguments[5], [_zeros(PANEL)] * (WIDTH // PANEL), add_row)
        ):
            _store(builder, result, total_at, builder.add(arguments[2], _int64(v * PANEL)))
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
                    _vector_at(builder, pointer, builder.add(start, _int64(v)), PANEL) for v in range(0, width, PANEL)
                ]

            def total(of, rows, n):
                rows_at = _data(context, builder, signature.args[rows], arguments[rows])

                def add_row(k, accumulators):
                    row = builder.sext(builder.load(builder.gep(rows_at, [k])), _INT64)
                    places = lanes(*matrix(of), row)
                    return [builder.fadd(a, builder.load(p, align=_ALIGN)) for a, p in zip(accumulators, places)]

                return _fold(builder, _int64(0), arguments[n], [_zeros(PANEL)] * (width // PANEL), add_row)

            data, model = total(4, 5, 6), total(7, 8, 9)
            scale, momentum, rate = (_splat(builder, x, PANEL) for x in arguments[10:])
            magnitudes = None
            for w_at, dw_at, x, y in zip(lanes(*matrix(0), arguments[2]), lanes(*matrix(1), arguments[2]), data, model):
                gradient = builder.fmul(builder.fsub(x, y), scale)
                velocity = builder.fmul(momentum, builder.load(dw_at, align=_ALIGN))
                velocity = builder.fadd(velocity, builder.fmul(rate, gradient))
                weight = builder.fadd(builder.load(w_at, align=_ALIGN), velocity)
                builder.store(velocity, dw_at, align=_ALIGN)
                builder.store(weight, w_at, align=_ALIGN)
                bits = builder.bitcast(weight, ir.VectorType(_INT32, PANEL))
                bits = builder.and_(bits, _constant(bits, 0x7FFFFFFF))
                magnitudes = bits if magnitudes is None else _larger(builder, magnitudes, bits)
            return _largest(builder, magnitudes)

        return signature, codegen

    return learn_lanes


learn_lanes, learn_panel = _learn_lanes(WIDTH), _learn_lanes(PANEL)


def _larger(builder, a, b):
    """The larger of each pair of integers or numbers."""
    compare = builder.icmp_signed if a.type.element == _INT32 else builder.fcmp_ordered
    return builder.select(compare(">", a, b), a, b)


def _largest(builder, vector):
    """The largest number of a vector."""
    width = vector.type.count
    while width > 1:
        width //= 2
        vector = _larger(builder, *(_shuffled(builder, vector, vector, list(range(s, s + width))) for s in (0, width)))
    return builder.extract_element(vector, ir.Constant(_INT32, 0))


@intrinsic
def odds_lanes(typing, total, row, j, bias, factor):
    """total[row, j + c] <- exp(-(bias[0, j + c] + factor total[row, j + c])), c < PANEL; float32, two dimensions."""
    signature = types.void(total, row, j, bias, factor)

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.add(builder.mul(arguments[1], builder.extract_value(array.shape, 1)), arguments[2])
        b = _load(builder, _data(context, builder, signature.args[3], arguments[3]), arguments[2], PANEL)
        value = _load(builder, array.data, place, PANEL)
        odds = _odds(builder, value, _zeros(PANEL), _splat(builder, arguments[4], PANEL), b)
        _store(builder, odds, array.data, place)
        return context.get_dummy_value()

    return signature, codegen


def _sums(builder, vectors):
    """One vector with the sum of each of the vectors: halves are added until one number is left of each."""
    width = vectors[0].type.count
    while width > 1:
        width //= 2
        if width >= PANEL:
            halves = [list(range(s, s + width)) for s in (0, width)]
            vectors = [builder.fadd(*(_shuffled(builder, v, v, half) for half in halves)) for v in vectors]
        elif len(vectors) > 1:
            pairs = zip(vectors[0::2], vectors[1::2])
            vectors = [_add_halves(builder, *pair, list(range(2 * pair[0].type.count)), width) for pair in pairs]
        else:
            vectors = [_add_halves(builder, *vectors, *vectors, list(range(vectors[0].type.count)), width)]
    return vectors[0]


def _add_halves(builder, a, b, lanes, width):
    """Lanes of a and b in segments of 2 width: each one's first half + its second half."""
    halves = [[lane for lane in lanes if lane // width % 2 == half] for half in (0, 1)]
    return builder.fadd(*(_shuffled(builder, a, b, half) for half in halves))


def _shuffled(builder, a, b, lanes):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, len(lanes)), lanes))
