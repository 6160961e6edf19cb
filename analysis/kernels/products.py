"""Products of states, their counts, and what is learnt from them, as vector operations in LLVM.

    popcount, count_common, both_on, span_counts    counts of chains in which two units are on
    lane_dots   sum_t sum_c a[t, i, c] b[t, j, c]   learning, few synapses
    span_dots   sum_k a[k] b[k, j]                  learning, many synapses
    learn_row, learn_lanes     dw <- momentum dw + rate gradient, w <- w + dw for PANEL or more synapses side by side

Every sum has a stated order, lane by lane; counts are integers. Layouts: see `lanes`.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from analysis.kernels import simd
from analysis.kernels.layouts import GROUP, PANEL, PATTERNS, SPAN, WIDTH


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
        return simd.largest(builder, simd.size_bits(builder, weight))

    return signature, codegen


def _group_of(builder, neighbour_at, first, last):
    """neighbour[first + g] as i64 for g < GROUP; beyond last - 1 the last one."""
    end, found = builder.sub(last, simd.int64(1)), []
    for g in range(GROUP):
        k = builder.add(first, simd.int64(g))
        k = builder.select(builder.icmp_signed("<", k, end), k, end)
        found.append(builder.sext(builder.load(builder.gep(neighbour_at, [k])), simd.INT64))
    return found


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

            def places(m, row):
                start = builder.add(builder.mul(row, m), arguments[3])
                return [builder.add(start, simd.int64(v)) for v in range(0, width, PANEL)]

            def total(of, rows, n):
                rows_at = simd.data(context, builder, signature.args[rows], arguments[rows])
                states_at, m = matrix(of)

                def add_row(k, accumulators):
                    row = builder.sext(builder.load(builder.gep(rows_at, [k])), simd.INT64)
                    states = [simd.load(builder, states_at, place, PANEL) for place in places(m, row)]
                    return [builder.fadd(a, x) for a, x in zip(accumulators, states)]

                return simd.fold(builder, simd.int64(0), arguments[n], [simd.zeros(PANEL)] * (width // PANEL), add_row)

            data, model = total(4, 5, 6), total(7, 8, 9)
            scale, momentum, rate = (simd.splat(builder, x, PANEL) for x in arguments[10:])
            (w_at, m), (dw_at, _), sizes = matrix(0), matrix(1), None
            for place, x, y in zip(places(m, arguments[2]), data, model):
                gradient = builder.fmul(builder.fsub(x, y), scale)
                velocity = builder.fmul(momentum, simd.load(builder, dw_at, place, PANEL))
                velocity = builder.fadd(velocity, builder.fmul(rate, gradient))
                weight = builder.fadd(simd.load(builder, w_at, place, PANEL), velocity)
                simd.store(builder, velocity, dw_at, place)
                simd.store(builder, weight, w_at, place)
                bits = simd.size_bits(builder, weight)
                sizes = bits if sizes is None else simd.larger(builder, sizes, bits)
            return simd.largest(builder, sizes)

        return signature, codegen

    return learn_lanes


learn_lanes, learn_panel = _learn_lanes(WIDTH), _learn_lanes(PANEL)
