"""Bricks of vector code, in LLVM: what `sums`, `draws` and `products` are built from.

    fold           accumulators over k = first ... last - 1, in ascending order
    load, store    vectors of float32
    fused          a b + c, rounded once
    philox         random words: seven rounds of two products, their halves crossed
    exponential    2^n 2^f, |f| <= 1/2: a polynomial and a shift
    rough_power    the same roughly, of a fixed-point number
    sums, largest  over the lanes of vectors, by halves

Each takes LLVM's builder first and works on numbers or vectors of any width. Source of Philox: Salmon et al. (2011)
SC'11, doi:10.1145/2063384.2063405.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils

FLOAT, INT16, INT32, INT64 = ir.FloatType(), ir.IntType(16), ir.IntType(32), ir.IntType(64)
EXP = 1.32647e-3, 9.67151e-3, 5.550734e-2, 2.4022242e-1, 6.9314698e-1, 1.0  # of 2^f, f^5 first
ROUGH = 7.7052549e-2, -3.489135e-3, 4.7092702e-1, 4.5551056e-1  # of 2^(m - 1), 1 <= m < 2, to 9e-5; stays in [1, 2)
FRACTION, ONE = 0x7FFFFF, 0x3F800000  # bits of a float32: those behind the point, and 1.0
FACTORS, WEYL = (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85)  # of Philox: of its products, and of its key
REGISTER = 16  # float32 in the widest vector register


def floats(n):
    """The type of a vector of n float32."""
    return ir.VectorType(FLOAT, n)


def data(context, builder, array_type, array):
    """Pointer to the first element of an array."""
    return context.make_array(array_type)(context, builder, array).data


def int64(value):
    """The number as an i64 constant."""
    return ir.Constant(INT64, value)


def index(builder, *terms):
    """Sum of products: ((a, b), c) -> a b + c, as i64."""
    total = int64(0)
    for term in terms:
        if isinstance(term, tuple):
            term = builder.mul(term[0], int64(term[1]))
        total = builder.add(total, term)
    return total


def splat(builder, scalar, n):
    """The scalar in every lane."""
    undefined = ir.Constant(ir.VectorType(scalar.type, n), ir.Undefined)
    one = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(INT32, n), [0] * n))


def rows_of(builder, array, tile, n_tiles, n_lanes):
    """Pointers to array[tile], array[tile + 1], ..., of n_units times n_lanes numbers each."""
    size = builder.mul(builder.extract_value(array.shape, 1), int64(n_lanes))
    return [builder.gep(array.data, [builder.mul(builder.add(tile, int64(t)), size)]) for t in range(n_tiles)]


def vector_at(builder, pointer, offset, n):
    """Pointer to n numbers of the pointer's type, `offset` numbers further on."""
    kind = ir.VectorType(pointer.type.pointee, n)
    return builder.bitcast(builder.gep(pointer, [offset]), kind.as_pointer())


def load(builder, pointer, offset, n):
    """The n numbers, `offset` numbers behind the pointer."""
    return builder.load(vector_at(builder, pointer, offset, n), align=size_of(pointer))


def store(builder, value, pointer, offset):
    """Write the vector `offset` numbers behind the pointer."""
    builder.store(value, vector_at(builder, pointer, offset, value.type.count), align=size_of(pointer))


def size_of(pointer):
    """Bytes of a number there: numpy promises no more than this alignment."""
    return 4 if pointer.type.pointee == FLOAT else pointer.type.pointee.width // 8


def ascending(n):
    """The vector 0, 1, ... n - 1 of i32."""
    return ir.Constant(ir.VectorType(INT32, n), list(range(n)))


def fold(builder, first, last, initial, body, unroll=True):
    """Fold body(k, accumulators) over k = first ... last - 1; leaves the builder after the loop.

    unroll : whether LLVM may write out several rounds of the loop
    """
    entry = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    k, accumulators = builder.phi(INT64), [builder.phi(value.type) for value in initial]
    builder.cbranch(builder.icmp_signed("<", k, last), inside, after)
    builder.position_at_end(inside)
    new = [builder.add(k, int64(1)), *body(k, accumulators)]
    for phi, start, value in zip([k, *accumulators], [first, *initial], new):
        phi.add_incoming(start, entry)
        phi.add_incoming(value, builder.block)
    again = builder.branch(head)
    if not unroll:
        again.set_metadata("llvm.loop", not_unrolled(builder.module))
    builder.position_at_end(after)
    return accumulators


def not_unrolled(module):
    """The metadata of a loop that LLVM shall leave as it is: a node that names itself first."""
    option = module.add_metadata(["llvm.loop.unroll.disable"])
    loop = module.add_metadata([option])
    loop.operands = loop, option
    return loop


def fused(builder, a, b, c):
    """a b + c, rounded once; numbers or vectors."""
    suffix = f"v{a.type.count}f32" if isinstance(a.type, ir.VectorType) else "f32"
    kind = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.{suffix}"), [a, b, c])


def zeros(n):
    """A vector of n zeros."""
    return ir.Constant(floats(n), [0.0] * n)


def transposed(builder, rows):
    """n vectors of n floats, transposed: swap the off-diagonal blocks of size n/2, then n/4, ... 1."""
    n = len(rows)
    size = n // 2
    while size:
        low = [c if c & size == 0 else n + c - size for c in range(n)]
        high = [c + size if c & size == 0 else n + c for c in range(n)]
        masks = [ir.Constant(ir.VectorType(INT32, n), mask) for mask in (low, high)]
        for r in range(n):
            if r & size == 0:
                pair = rows[r], rows[r + size]
                rows[r], rows[r + size] = (builder.shuffle_vector(*pair, mask) for mask in masks)
        size //= 2
    return rows


def philox(builder, counter, key):
    """Four vectors of random i32 = Philox4x32-7(counter: four vectors, key: two numbers)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(7):
        (low0, high0), (low1, high1) = (product(builder, c, factor) for c, factor in zip((c0, c2), FACTORS))
        k0_all, k1_all = (splat(builder, k, c0.type.count) for k in (k0, k1))
        c0, c1 = builder.xor(builder.xor(high1, c1), k0_all), low1
        c2, c3 = builder.xor(builder.xor(high0, c3), k1_all), low0
        k0, k1 = (builder.add(k, ir.Constant(INT32, weyl)) for k, weyl in zip((k0, k1), WEYL))
    return c0, c1, c2, c3


def product(builder, x, factor):
    """Low and high words of x times the factor, for a vector of i32."""
    n = x.type.count
    pairs = builder.bitcast(x, ir.VectorType(INT64, n // 2))
    low_half, half, factor = (constant(pairs, value) for value in (0xFFFFFFFF, 32, factor))
    even = builder.bitcast(builder.mul(builder.and_(pairs, low_half), factor), x.type)
    odd = builder.bitcast(builder.mul(builder.lshr(pairs, half), factor), x.type)
    low = [lane if lane % 2 == 0 else n + lane - 1 for lane in range(n)]
    return shuffled(builder, even, odd, low), shuffled(builder, even, odd, [lane + 1 for lane in low])


def constant(like, value):
    """The number in every lane of a type like this value's."""
    lanes = like.type.count if isinstance(like.type, ir.VectorType) else None
    return ir.Constant(like.type, value if lanes is None else [value] * lanes)


def nearest(value):
    """The float32 nearest to a number, as LLVM reads it."""
    return float(np.float32(value))


def exponential(builder, x):
    """exp(x) of numbers or vectors, see `draws.exp`."""
    low, high = constant(x, -80.0), constant(x, 80.0)
    x = builder.select(builder.fcmp_ordered(">", x, low), x, low)
    x = builder.select(builder.fcmp_ordered("<", x, high), x, high)
    return power(builder, x, np.log2(np.e), EXP)


def power(builder, x, log2_base, coefficients):
    """base^x = 2^n 2^f with n + f = x log2(base), |f| <= 1/2, 2^f by a polynomial; |x log2(base)| < 126."""
    factor, shift = constant(x, nearest(log2_base)), constant(x, 1.5 * 2.0**23)
    rounded = fused(builder, x, factor, shift)  # no float32 of this size has a fraction: n stands in the lowest bits
    f = fused(builder, x, factor, builder.fsub(shift, rounded))
    total = constant(x, nearest(coefficients[0]))
    for coefficient in coefficients[1:]:
        total = fused(builder, total, f, constant(x, nearest(coefficient)))
    integer = ir.VectorType(INT32, x.type.count) if isinstance(x.type, ir.VectorType) else INT32
    total, rounded = (builder.bitcast(value, integer) for value in (total, rounded))
    return builder.bitcast(builder.add(total, builder.shl(rounded, constant(rounded, 23))), x.type)


def rough_power(builder, x):
    """2^(x / 2^23 - 127) to 9e-5, for i32 with 2^23 <= x < 255 2^23: read as a float32, x is nearly that."""
    kind, fraction = floats(x.type.count) if x.type != INT32 else FLOAT, constant(x, FRACTION)
    m = builder.bitcast(builder.or_(builder.and_(x, fraction), constant(x, ONE)), kind)
    total = constant(m, nearest(ROUGH[0]))
    for coefficient in ROUGH[1:]:
        total = fused(builder, total, m, constant(m, nearest(coefficient)))
    behind_the_point = builder.and_(builder.bitcast(total, x.type), fraction)
    return builder.bitcast(builder.or_(behind_the_point, builder.and_(x, constant(x, ~FRACTION))), kind)


def odds(builder, below, above, factor, bias):
    """exp(-(bias + factor (below + above)))."""
    return exponential(builder, builder.fneg(fused(builder, factor, builder.fadd(below, above), bias)))


def draw(builder, bits, odds):
    """r (1 + odds), see `draws.draw`."""
    r = builder.fmul(upper_bits(builder, bits, odds.type), constant(odds, 2.0**-24))
    return fused(builder, r, odds, r)


def upper_bits(builder, bits, kind):
    """24 of 32 random bits, what a float32 holds exactly, as numbers of this type."""
    return builder.sitofp(builder.lshr(bits, constant(bits, 8)), kind)


def larger(builder, a, b):
    """The larger of each pair of integers or numbers."""
    compare = builder.icmp_signed if a.type.element == INT32 else builder.fcmp_ordered
    return builder.select(compare(">", a, b), a, b)


def size(builder, vector):
    """|x| of a vector of float32."""
    return builder.bitcast(size_bits(builder, vector), vector.type)


def size_bits(builder, vector):
    """|x| of a vector of float32 as the bits of each, i32: without that of the sign; in the order of numbers."""
    bits = builder.bitcast(vector, ir.VectorType(INT32, vector.type.count))
    return builder.and_(bits, constant(bits, 0x7FFFFFFF))


def largest(builder, vector):
    """The largest number of a vector."""
    width = vector.type.count
    while width > 1:
        width //= 2
        vector = larger(builder, *(shuffled(builder, vector, vector, list(range(s, s + width))) for s in (0, width)))
    return builder.extract_element(vector, ir.Constant(INT32, 0))


def sums(builder, vectors):
    """One vector with the sum of each of the vectors: halves are added until one number is left of each."""
    width = vectors[0].type.count
    while width > 1:
        width //= 2
        if width >= REGISTER:
            halves = [list(range(s, s + width)) for s in (0, width)]
            vectors = [builder.fadd(*(shuffled(builder, v, v, half) for half in halves)) for v in vectors]
        elif len(vectors) > 1:
            pairs = zip(vectors[0::2], vectors[1::2])
            vectors = [add_halves(builder, *pair, list(range(2 * pair[0].type.count)), width) for pair in pairs]
        else:
            vectors = [add_halves(builder, *vectors, *vectors, list(range(vectors[0].type.count)), width)]
    return vectors[0]


def add_halves(builder, a, b, lanes, width):
    """Lanes of a and b in segments of 2 width: each one's first half + its second half."""
    halves = [[lane for lane in lanes if lane // width % 2 == half] for half in (0, 1)]
    return builder.fadd(*(shuffled(builder, a, b, half) for half in halves))


def shuffled(builder, a, b, lanes):
    """The lanes, by number, of vectors a and b put side by side."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(lanes)), lanes))
