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

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

PATTERNS = 32  # graded states side by side
CHAINS = 64  # binary states side by side: the bits of a word
PANEL = 16  # units side by side in a panel
GROUP = 8  # chains whose rows are added in turn, and units of a panel: enough sums to hide the latency of one
WIDTH = 5 * PANEL  # units side by side where whole rows are added: 70 units fill 80 lanes, 676 fill 720

_FLOAT, _INT16, _INT32, _INT64 = ir.FloatType(), ir.IntType(16), ir.IntType(32), ir.IntType(64)
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
    undefined = ir.Constant(_floats(n), ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(_INT32, n), [0] * n))


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


@intrinsic
def word_sum(typing, total, row, words, first, last, neighbour, weight):
    """total[row, c] = sum_k weight[k] [bit c of words[neighbour[k]]] for k = first ... last - 1.

    total (n, CHAINS) float32, words (n_units,) uint64, neighbour int32, weight float32; all C-contiguous.
    """
    signature = types.void(total, row, words, first, last, neighbour, weight)

    def codegen(context, builder, signature, arguments):
        total_at, words_at, neighbour_at, weight_at = (
            _data(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 5, 6)
        )

        def add_synapse(k, accumulators):
            unit = builder.sext(builder.load(builder.gep(neighbour_at, [k])), _INT64)
            scale = _splat(builder, builder.load(builder.gep(weight_at, [k])), CHAINS)
            bits = builder.load(builder.gep(words_at, [unit]))
            on = builder.bitcast(bits, ir.VectorType(ir.IntType(1), CHAINS))
            return [builder.select(on, builder.fadd(accumulators[0], scale), accumulators[0])]

        (result,) = _fold(builder, arguments[3], arguments[4], [_zeros(CHAINS)], add_synapse)
        _store(builder, result, total_at, _index(builder, (arguments[1], CHAINS)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def row_sum(typing, total, first_chain, panel, offset, rows, n_rows):
    """total[c, u] = sum_k panel[offset + 2 rows[c, k] + u] for k = 0 ... n_rows - 1, c = first_chain ... + GROUP - 1.

    total (CHAINS, PANEL) float32, panel (n,) float32, rows (CHAINS, n) uint16: where the active units' rows begin, in
    steps of two floats (x86 scales an index by 8 bytes at most).
    """
    signature = types.void(total, first_chain, panel, offset, rows, n_rows)

    def codegen(context, builder, signature, arguments):
        total_at, panel_at = (_data(context, builder, signature.args[i], arguments[i]) for i in (0, 2))
        rows = context.make_array(signature.args[4])(context, builder, arguments[4])
        length = builder.extract_value(rows.shape, 1)
        base = builder.bitcast(builder.gep(panel_at, [arguments[3]]), _INT64.as_pointer())
        chains = [builder.add(arguments[1], _int64(g)) for g in range(GROUP)]
        lists = [builder.gep(rows.data, [builder.mul(chain, length)]) for chain in chains]

        def add_rows(k, accumulators):
            offsets = [builder.zext(builder.load(builder.gep(place, [k])), _INT64) for place in lists]
            places = [builder.bitcast(builder.gep(base, [o]), _floats(PANEL).as_pointer()) for o in offsets]
            return [builder.fadd(a, builder.load(p, align=_ALIGN)) for a, p in zip(accumulators, places)]

        results = _fold(builder, _int64(0), arguments[5], [_zeros(PANEL)] * GROUP, add_rows)
        for chain, result in zip(chains, results):
            _store(builder, result, total_at, _index(builder, (chain, PANEL)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def transpose(typing, out, by_chain):
    """out[u, c] = by_chain[c, u]; out (PANEL, CHAINS), by_chain (CHAINS, PANEL), float32."""
    signature = types.void(out, by_chain)

    def codegen(context, builder, signature, arguments):
        out_at, chain_at = (_data(context, builder, signature.args[i], arguments[i]) for i in (0, 1))
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


@intrinsic
def below_one(typing, values, row):
    """Word with bit c = [values[row, c] < 1]; values (n, CHAINS) float32. Returns uint64."""
    signature = types.uint64(values, row)

    def codegen(context, builder, signature, arguments):
        values_at = _data(context, builder, signature.args[0], arguments[0])
        lanes = _load(builder, values_at, _index(builder, (arguments[1], CHAINS)), CHAINS)
        ones = ir.Constant(_floats(CHAINS), [1.0] * CHAINS)
        return builder.bitcast(builder.fcmp_ordered("<", lanes, ones), _INT64)

    return signature, codegen


@intrinsic
def popcount(typing, word):
    """Bits that are on in a uint64."""

    def codegen(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), codegen


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


@intrinsic
def lane_sum(typing, total, row, tile, first, last, neighbour, weight):
    """total[row, c] = sum_k weight[k] tile[neighbour[k], c] for k = first ... last - 1.

    total (n, PATTERNS) and tile (n_units, PATTERNS) float32, neighbour int32, weight float32; all C-contiguous.
    """
    signature = types.void(total, row, tile, first, last, neighbour, weight)

    def codegen(context, builder, signature, arguments):
        total_at, tile_at, neighbour_at, weight_at = (
            _data(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 5, 6)
        )

        def add_synapse(k, accumulators):
            unit = builder.sext(builder.load(builder.gep(neighbour_at, [k])), _INT64)
            scale = _splat(builder, builder.load(builder.gep(weight_at, [k])), PATTERNS)
            state = _load(builder, tile_at, _index(builder, (unit, PATTERNS)), PATTERNS)
            return [_fma(builder, scale, state, accumulators[0])]

        (result,) = _fold(builder, arguments[3], arguments[4], [_zeros(PATTERNS)], add_synapse)
        _store(builder, result, total_at, _index(builder, (arguments[1], PATTERNS)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def panel_sum(typing, total, row, tile, first, last, panel, offset):
    """total[row + u, c] = sum_k panel[offset + PANEL k + u] tile[first + k, c], u < GROUP, first + k < last.

    For units of one panel, from its rows. total (n, PATTERNS) and tile (n_units, PATTERNS) float32, panel (n,) float32.
    """
    signature = types.void(total, row, tile, first, last, panel, offset)

    def codegen(context, builder, signature, arguments):
        def place(k, u):
            return _index(builder, (k, PANEL), _int64(u))

        return _panel_sum(context, builder, signature, arguments, place)

    return signature, codegen


@intrinsic
def panel_sum_across(typing, total, row, tile, first, last, panel, offset, size):
    """total[row + u, c] = sum_k panel[offset + size (k // PANEL) + k % PANEL + PANEL u] tile[first + k, c].

    For units that are rows, from the same row of all panels; `size` is that of a panel. Else as `panel_sum`.
    """
    signature = types.void(total, row, tile, first, last, panel, offset, size)

    def codegen(context, builder, signature, arguments):
        def place(k, u):
            block = builder.mul(builder.sdiv(k, _int64(PANEL)), arguments[7])
            return builder.add(block, builder.add(builder.srem(k, _int64(PANEL)), _int64(PANEL * u)))

        return _panel_sum(context, builder, signature, arguments, place)

    return signature, codegen


def _panel_sum(context, builder, signature, arguments, place):
    total_at, tile_at, panel_at = (_data(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 5))
    tile_at = builder.gep(tile_at, [_index(builder, (arguments[3], PATTERNS))])
    base = builder.gep(panel_at, [arguments[6]])

    def add_neighbour(k, accumulators):
        state = _load(builder, tile_at, _index(builder, (k, PATTERNS)), PATTERNS)
        weights = [builder.load(builder.gep(base, [place(k, u)])) for u in range(GROUP)]
        return [_fma(builder, _splat(builder, w, PATTERNS), state, a) for w, a in zip(weights, accumulators)]

    n = builder.sub(arguments[4], arguments[3])
    results = _fold(builder, _int64(0), n, [_zeros(PATTERNS)] * GROUP, add_neighbour)
    for u, result in enumerate(results):
        _store(builder, result, total_at, _index(builder, (builder.add(arguments[1], _int64(u)), PATTERNS)))
    return context.get_dummy_value()


@intrinsic
def replace(typing, states, unit, new, row):
    """states[unit] = new[row]; returns max_c |new[row, c] - states[unit, c]|. Both (n, PATTERNS) float32."""
    signature = types.float32(states, unit, new, row)

    def codegen(context, builder, signature, arguments):
        states_at, new_at = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 2))
        place, row = (_index(builder, (arguments[k], PATTERNS)) for k in (1, 3))
        value = _load(builder, new_at, row, PATTERNS)
        change = builder.fsub(value, _load(builder, states_at, place, PATTERNS))
        _store(builder, value, states_at, place)
        change = builder.select(builder.fcmp_ordered("<", change, _zeros(PATTERNS)), builder.fneg(change), change)
        width = PATTERNS
        while width > 1:
            width //= 2
            low, high = (_shuffled(builder, change, change, list(range(s, s + width))) for s in (0, width))
            change = builder.select(builder.fcmp_ordered(">", low, high), low, high)
        return builder.extract_element(change, ir.Constant(_INT32, 0))

    return signature, codegen


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
def row_dots(typing, total, i, matrix, vector):
    """total[i + g] = sum_j matrix[i + g, j] vector[j] for g < GROUP: j = lane, lane + PANEL, ..., then a binary tree.

    total (n,), matrix (n, m), vector (m,) float32, C-contiguous, n a multiple of GROUP, m one of PANEL.
    """
    signature = types.void(total, i, matrix, vector)

    def codegen(context, builder, signature, arguments):
        total_at, vector_at = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 3))
        array = context.make_array(signature.args[2])(context, builder, arguments[2])
        m = builder.extract_value(array.shape, 1)
        rows = [builder.mul(builder.add(arguments[1], _int64(g)), m) for g in range(GROUP)]

        def add_columns(k, accumulators):
            column = builder.mul(k, _int64(PANEL))
            state = _load(builder, vector_at, column, PANEL)
            weights = [_load(builder, array.data, builder.add(row, column), PANEL) for row in rows]
            return [_fma(builder, w, state, a) for w, a in zip(weights, accumulators)]

        n_blocks = builder.sdiv(m, _int64(PANEL))
        vectors = _fold(builder, _int64(0), n_blocks, [_zeros(PANEL)] * GROUP, add_columns)
        _store(builder, _sums(builder, vectors), total_at, arguments[1])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add_rows(typing, total, j, matrix, rows, n_rows):
    """total[j + c] = sum_k matrix[rows[k], j + c] for k = 0 ... n_rows - 1, c < WIDTH.

    total (m,), matrix (n, m) float32, rows (n_rows,) int32, C-contiguous.
    """
    signature = types.void(total, j, matrix, rows, n_rows)

    def codegen(context, builder, signature, arguments):
        total_at, rows_at = (_data(context, builder, signature.args[k], arguments[k]) for k in (0, 3))
        array = context.make_array(signature.args[2])(context, builder, arguments[2])
        m = builder.extract_value(array.shape, 1)

        def add_row(k, accumulators):
            row = builder.sext(builder.load(builder.gep(rows_at, [k])), _INT64)
            start = builder.add(builder.mul(row, m), arguments[1])
            return [
                builder.fadd(a, _load(builder, array.data, builder.add(start, _int64(v * PANEL)), PANEL))
                for v, a in enumerate(accumulators)
            ]

        for v, result in enumerate(
            _fold(builder, _int64(0), arguments[4], [_zeros(PANEL)] * (WIDTH // PANEL), add_row)
        ):
            _store(builder, result, total_at, builder.add(arguments[1], _int64(v * PANEL)))
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
