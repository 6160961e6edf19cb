"""What goes across the lanes of a vector, in a stated order; see `vectors`."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from analysis.kernels.vectors import INT32, REGISTER, Vector, each, packed, shuffled, unpacked


def _across(operation, x):
    """Code for operation(builder, list of vectors) -> list of vectors, or a number."""

    def codegen(context, builder, sig, args):
        found = operation(builder, unpacked(context, builder, args[0], x, x))
        return packed(builder, found, sig.return_type) if isinstance(found, list) else found

    return codegen


@intrinsic
def sums(typing, x):
    """The sum of the lanes of each of m vectors, as one vector: halves are added until one number is left of each."""
    add = ir.IRBuilder.fadd if isinstance(x.number, types.Float) else ir.IRBuilder.add

    def add_halves(builder, a, b, lanes, width):
        """Lanes of a and b in segments of 2 width: each one's first half + its second half."""
        halves = [[lane for lane in lanes if lane // width % 2 == half] for half in (0, 1)]
        return add(builder, *(shuffled(builder, a, b, half) for half in halves))

    def operation(builder, parts):
        width = x.n
        while width > 1:
            width //= 2
            if width >= REGISTER or len(parts) == 1:
                parts = [add_halves(builder, part, part, range(part.type.count), width) for part in parts]
            else:
                lanes = range(2 * parts[0].type.count)
                parts = [add_halves(builder, *pair, lanes, width) for pair in zip(parts[0::2], parts[1::2])]
        return parts

    return Vector(x.number, x.m)(x), _across(operation, x)


@intrinsic
def largest(typing, x):
    """The largest number of all lanes of all vectors."""

    def larger(builder, a, b):
        compare = builder.fcmp_ordered if isinstance(x.number, types.Float) else builder.icmp_signed
        return builder.select(compare(">", a, b), a, b)

    def operation(builder, parts):
        found, width = parts[0], x.n
        for part in parts[1:]:
            found = larger(builder, found, part)
        while width > 1:
            width //= 2
            halves = (shuffled(builder, found, found, range(s, s + width)) for s in (0, width))
            found = larger(builder, *halves)
        return builder.extract_element(found, ir.Constant(INT32, 0))

    return x.number(x), _across(operation, x)


@intrinsic
def transposed(typing, x):
    """n vectors of n numbers, transposed: swap the off-diagonal blocks of size n/2, then n/4, ... 1."""

    def operation(builder, rows):
        n, size = x.n, x.n // 2
        while size:
            low = [c if c & size == 0 else n + c - size for c in range(n)]
            high = [c + size if c & size == 0 else n + c for c in range(n)]
            for r in range(n):
                if r & size == 0:
                    pair = rows[r], rows[r + size]
                    rows[r], rows[r + size] = (shuffled(builder, *pair, mask) for mask in (low, high))
            size //= 2
        return rows

    return x(x), _across(operation, x)


@intrinsic
def in_turn(typing, a, b, c, d):
    """a_0, b_0, c_0, d_0, a_1, ... as one vector."""

    def operation(builder, *parts):
        n = a.n
        pairs = [shuffled(builder, *pair, range(2 * n)) for pair in (parts[:2], parts[2:])]
        return shuffled(builder, *pairs, [j * n + k for k in range(n) for j in range(4)])

    return Vector(a.number, 4 * a.n)(a, b, c, d), each(operation)


@intrinsic
def halves_of_product(typing, x, factor):
    """(low words, high words) of x times the factor, of uint32: even lanes and odd ones are multiplied apart."""

    def codegen(context, builder, sig, args):
        (whole,), n = unpacked(context, builder, args[0], x, x), x.n
        (factors,) = unpacked(context, builder, args[1], factor, Vector(types.uint64, n // 2))
        pairs, even_lanes = builder.bitcast(whole, factors.type), [k if k % 2 == 0 else n + k - 1 for k in range(n)]
        low_half, half = (ir.Constant(pairs.type, [value] * (n // 2)) for value in (0xFFFFFFFF, 32))
        even, odd = builder.and_(pairs, low_half), builder.lshr(pairs, half)
        even, odd = (builder.bitcast(builder.mul(lanes, factors), whole.type) for lanes in (even, odd))
        words = [shuffled(builder, even, odd, [k + high for k in even_lanes]) for high in (0, 1)]
        return context.make_tuple(builder, sig.return_type, [packed(builder, [word], x) for word in words])

    return types.UniTuple(x, 2)(x, factor), codegen


@intrinsic
def lowest_bit(typing, x):
    """Position of the lowest bit that is on in a uint64; 64 for none."""
    nothing_else = ir.Constant(ir.IntType(1), 0)
    return types.int64(types.uint64), lambda context, builder, sig, args: builder.cttz(args[0], nothing_else)


@intrinsic
def one_at_a_time(typing):
    """Keeps LLVM from writing out several rounds of the loop around."""

    def codegen(context, builder, sig, args):
        nothing = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", (), True)
        nothing.attributes.add("convergent")
        return context.get_dummy_value()

    return types.void(), codegen
