"""A vector as a type of numba's, so that kernels are loops in Python that read like their formulas.

    Vector(number, n, m)     m vectors of n numbers, which go through the same operations together
    + - * / & | ^ << >> < > != -    lane by lane; a number stands in every lane, one vector beside m beside each of them
    fma, select, popcount, view, convert    lane by lane
    load, store, at, steps   between vectors and arrays
    on_in, word              between CHAINS lanes that are on or off and the bits of a word
    sums, largest, transposed, in_turn, halves of products    across lanes, in a stated order

An array is addressed from its first element on, by a `place` that stays and an `offset` that moves: place + offset. A
tuple of m places makes m vectors, or a tuple of m numbers, which stands for m vectors of one number each. Nothing
checks that either lies within the array. Without fastmath every operation is rounded as written, on vectors of any width.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

BOOL, INT32, INT64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
REGISTER = 16  # float32 in the widest vector register


class Vector(types.Type):
    """m vectors of n numbers."""

    def __init__(self, number, n, m=1):
        self.number, self.n, self.m = number, n, m
        super().__init__(f"Vector({number}, {n}, {m})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """In LLVM an array of vectors."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.ArrayType(ir.VectorType(_llvm(kind.number), kind.n), kind.m))


def _llvm(number):
    if isinstance(number, types.Float):
        return ir.FloatType() if number.bitwidth == 32 else ir.DoubleType()
    return BOOL if number == types.boolean else ir.IntType(number.bitwidth)


# ---- lane by lane --------------------------------------------------------------------------------------------------


def _spread(context, builder, value, kind, shape):
    """The value as a list of `shape.m` LLVM vectors, or as one number where the shape is that of a number."""
    if isinstance(kind, Vector):
        return [builder.extract_value(value, k) for k in range(kind.m)] * (shape.m // kind.m)
    number = shape.number if isinstance(shape, Vector) else shape
    if isinstance(kind, types.UniTuple):
        values = [(builder.extract_value(value, k), kind.dtype) for k in range(kind.count)]
    else:
        values = [(value, kind)] * (shape.m if isinstance(shape, Vector) else 1)
    values = [context.cast(builder, x, known, number) for x, known in values]
    return [_splat(builder, x, shape.n) for x in values] if isinstance(shape, Vector) else values


def _splat(builder, x, n):
    undefined = ir.Constant(ir.VectorType(x.type, n), ir.Undefined)
    one = builder.insert_element(undefined, x, ir.Constant(INT32, 0))
    return _shuffled(builder, one, one, [0] * n)


def _shuffled(builder, a, b, lanes):
    """The lanes, by number, of vectors a and b put side by side."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(lanes)), list(lanes)))


def _pack(builder, parts, kind):
    if not isinstance(kind, Vector):
        return parts[0]
    out = ir.Constant(ir.ArrayType(parts[0].type, len(parts)), ir.Undefined)
    for k, part in enumerate(parts):
        out = builder.insert_value(out, part, k)
    return out


def _shape(*kinds):
    """The type that the result has: that of the most vectors, else of a number; None where it can't be said."""
    vectors = [kind for kind in kinds if isinstance(kind, Vector)]
    if not vectors:
        return kinds[0]
    n_rows = max(getattr(kind, "m", getattr(kind, "count", 1)) for kind in kinds)
    return Vector(vectors[0].number, vectors[0].n, n_rows)


def _of(number, shape):
    """The same shape, of other numbers."""
    return Vector(number, shape.n, shape.m) if isinstance(shape, Vector) else number


def _each(operation, result, shape=None):
    """Code that does the operation(builder, *lanes) on each vector of the arguments, all brought into the shape."""

    def codegen(context, builder, sig, args):
        to = shape or _shape(*sig.args)
        rows = zip(*(_spread(context, builder, *pair, to) for pair in zip(args, sig.args)))
        return _pack(builder, [operation(builder, *row) for row in rows], result or sig.return_type)

    return codegen


def _operator(key, of_floats, of_integers, of_unsigned=None, compares=False):
    """Lets Python's operator act on vectors by these methods of LLVM's builder."""

    def operation(number):
        if isinstance(number, types.Float):
            return of_floats
        return of_unsigned if of_unsigned and not number.signed else of_integers

    @infer_global(key)
    class Template(AbstractTemplate):
        def generic(self, args, kws):
            shape = _shape(*args)
            if isinstance(shape, Vector):
                return signature(_of(types.boolean, shape) if compares else shape, *args)

    def lower(context, builder, sig, args):
        return _each(operation(_shape(*sig.args).number), None)(context, builder, sig, args)

    for pair in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector), (Vector,)):
        lower_builtin(key, *pair)(lower)


def _compares(name, sign):
    return lambda builder, a, b: getattr(builder, name)(sign, a, b)


_B = ir.IRBuilder
for _key, _methods in {
    operator.add: (_B.fadd, _B.add),
    operator.sub: (_B.fsub, _B.sub),
    operator.mul: (_B.fmul, _B.mul),
    operator.truediv: (_B.fdiv, None),
    operator.neg: (_B.fneg, _B.neg),
    operator.and_: (None, _B.and_),
    operator.or_: (None, _B.or_),
    operator.xor: (None, _B.xor),
    operator.lshift: (None, _B.shl),
    operator.rshift: (None, _B.ashr, _B.lshr),
}.items():
    _operator(_key, *_methods)
for _key, _sign in {operator.lt: "<", operator.gt: ">", operator.ne: "!="}.items():
    _kinds = (_compares(name, _sign) for name in ("fcmp_ordered", "icmp_signed", "icmp_unsigned"))
    _operator(_key, *_kinds, compares=True)


@intrinsic
def fma(typing, a, b, c):
    """a b + c in float32, rounded once; numbers or vectors."""

    def operation(builder, *lanes):
        kind = lanes[0].type
        name = f"llvm.fma.v{kind.count}f32" if isinstance(kind, ir.VectorType) else "llvm.fma.f32"
        function = ir.FunctionType(kind, [kind] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), lanes)

    return _shape(a, b, c)(a, b, c), _each(operation, None)


@intrinsic
def select(typing, on, a, b):
    """a where it is on, else b."""
    shape = _shape(a, b)
    if isinstance(on, Vector):
        shape = Vector(shape.number, on.n, max(on.m, shape.m)) if isinstance(shape, Vector) else _of(shape, on)

    def codegen(context, builder, sig, args):
        switches = _spread(context, builder, args[0], on, _of(types.boolean, shape))
        values = [_spread(context, builder, *pair, shape) for pair in zip(args[1:], sig.args[1:])]
        return _pack(builder, [builder.select(*row) for row in zip(switches, *values)], shape)

    return shape(on, a, b), codegen


@intrinsic
def popcount(typing, x):
    """Bits that are on in each whole number."""

    def operation(builder, lanes):
        if not isinstance(lanes.type, ir.VectorType):
            return builder.ctpop(lanes)
        name, function = f"llvm.ctpop.v{lanes.type.count}i{lanes.type.element.width}", ir.FunctionType(lanes.type, [lanes.type])
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), [lanes])

    return (x if isinstance(x, Vector) else types.int64)(x), _each(operation, None, x)


@intrinsic
def view(typing, x, number):
    """The bits of x read as other numbers, np.int32 say."""
    number, known = number.dtype, x.number if isinstance(x, Vector) else x
    if isinstance(x, Vector):
        n = x.n * known.bitwidth // number.bitwidth
        return Vector(number, n, x.m)(x, types.NumberClass(number)), _cast_bits(ir.VectorType(_llvm(number), n))
    known = types.int32 if isinstance(known, types.Integer) else known  # numba computes with numbers of 64 bits
    return number(known, types.NumberClass(number)), _cast_bits(_llvm(number))


def _cast_bits(to):
    def codegen(context, builder, sig, args):
        lanes = _spread(context, builder, args[0], sig.args[0], sig.args[0])
        return _pack(builder, [builder.bitcast(part, to) for part in lanes], sig.return_type)

    return codegen


@intrinsic
def convert(typing, x, number):
    """Whole numbers as others or as float32, lane by lane."""
    known, to = x.number, number.dtype

    def operation(builder, lanes):
        kind = ir.VectorType(_llvm(to), x.n)
        if isinstance(to, types.Float):
            return builder.sitofp(lanes, kind)
        if to.bitwidth < known.bitwidth:
            return builder.trunc(lanes, kind)
        return (builder.sext if known.signed else builder.zext)(lanes, kind)

    def codegen(context, builder, sig, args):
        parts = _spread(context, builder, args[0], x, x)
        return _pack(builder, [operation(builder, part) for part in parts], sig.return_type)

    return _of(to, x)(x, number), codegen


# ---- vectors and arrays --------------------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def splat(typing, x, n, m):
    """The number n times, in m vectors."""
    shape = Vector(types.unliteral(x), n.literal_value, m.literal_value)

    def codegen(context, builder, sig, args):
        return _pack(builder, _spread(context, builder, args[0], x, shape), shape)

    return shape(x, n, m), codegen


@intrinsic(prefer_literal=True)
def ascending(typing, n):
    """0, 1, ... n - 1 as uint32."""
    shape = Vector(types.uint32, n.literal_value)

    def codegen(context, builder, sig, args):
        return _pack(builder, [ir.Constant(ir.VectorType(INT32, shape.n), list(range(shape.n)))], shape)

    return shape(n), codegen


@intrinsic(prefer_literal=True)
def steps(typing, first, step, m):
    """(first, first + step, ... first + (m - 1) step)."""

    def codegen(context, builder, sig, args):
        places = [builder.add(args[0], builder.mul(args[1], ir.Constant(INT64, k))) for k in range(m.literal_value)]
        return context.make_tuple(builder, sig.return_type, places)

    return types.UniTuple(types.int64, m.literal_value)(types.int64, types.int64, m), codegen


def _pointers(context, builder, array_type, array, place_type, places, offset):
    """Pointers to the elements at place + offset, one a place."""
    data = context.make_array(array_type)(context, builder, array).data
    if isinstance(place_type, types.UniTuple):
        places = [builder.extract_value(places, k) for k in range(place_type.count)]
        places = [context.cast(builder, place, place_type.dtype, types.int64) for place in places]
    else:
        places = [places]
    return [builder.gep(builder.gep(data, [place]), [offset]) for place in places]


def _place(kind):
    """(type of a place or several, how many)."""
    return (kind, kind.count) if isinstance(kind, types.UniTuple) else (types.int64, 1)


@intrinsic
def at(typing, array, place, offset):
    """The number at place + offset: a tuple of them for a tuple of places. Not below 0: numba would test for that."""
    kind, m = _place(place)

    def codegen(context, builder, sig, args):
        pointers = _pointers(context, builder, array, args[0], kind, *args[1:])
        numbers = [builder.load(pointer) for pointer in pointers]
        return context.make_tuple(builder, sig.return_type, numbers) if kind != types.int64 else numbers[0]

    found = array.dtype if kind == types.int64 else types.UniTuple(array.dtype, m)
    return found(array, kind, types.int64), codegen


@intrinsic(prefer_literal=True)
def load(typing, array, place, offset, n):
    """The n numbers from place + offset on; a vector a place."""
    kind, m = _place(place)
    shape = Vector(array.dtype, n.literal_value, m)

    def codegen(context, builder, sig, args):
        pointers = _pointers(context, builder, array, args[0], kind, *args[1:3])
        to = ir.VectorType(_llvm(shape.number), shape.n).as_pointer()
        align = array.dtype.bitwidth // 8  # numpy promises no more
        return _pack(builder, [builder.load(builder.bitcast(p, to), align=align) for p in pointers], shape)

    return shape(array, kind, types.int64, n), codegen


@intrinsic
def store(typing, array, place, offset, x):
    """array[place + offset ...] = the lanes of x; a vector a place."""
    kind, m = _place(place)

    def codegen(context, builder, sig, args):
        pointers = _pointers(context, builder, array, args[0], kind, *args[1:3])
        for pointer, part in zip(pointers, _spread(context, builder, args[3], x, x), strict=True):
            builder.store(part, builder.bitcast(pointer, part.type.as_pointer()), align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, kind, types.int64, x), codegen


@intrinsic
def on_in(typing, words):
    """Lane c is on where bit c of the word is; a vector a word."""
    m = words.count if isinstance(words, types.UniTuple) else 1
    shape = Vector(types.boolean, 64, m)

    def codegen(context, builder, sig, args):
        parts = [builder.extract_value(args[0], k) for k in range(m)] if words != types.uint64 else [args[0]]
        return _pack(builder, [builder.bitcast(part, ir.VectorType(BOOL, 64)) for part in parts], shape)

    return shape(words), codegen


@intrinsic
def word(typing, on):
    """The word with bit c on where lane c is."""

    def codegen(context, builder, sig, args):
        return builder.bitcast(builder.extract_value(args[0], 0), INT64)

    return types.uint64(on), codegen


# ---- across lanes --------------------------------------------------------------------------------------------------


@intrinsic
def sums(typing, x):
    """The sum of the lanes of each of m vectors, as one vector: halves are added until one number is left of each."""
    add = ir.IRBuilder.fadd if isinstance(x.number, types.Float) else ir.IRBuilder.add

    def add_halves(builder, a, b, lanes, width):
        """Lanes of a and b in segments of 2 width: each one's first half + its second half."""
        halves = [[lane for lane in lanes if lane // width % 2 == half] for half in (0, 1)]
        return add(builder, *(_shuffled(builder, a, b, half) for half in halves))

    def codegen(context, builder, sig, args):
        parts, width = _spread(context, builder, args[0], x, x), x.n
        while width > 1:
            width //= 2
            if width >= REGISTER or len(parts) == 1:
                lanes = [list(range(part.type.count)) for part in parts]
                parts = [add_halves(builder, part, part, lane, width) for part, lane in zip(parts, lanes)]
            else:
                lanes = list(range(2 * parts[0].type.count))
                parts = [add_halves(builder, *pair, lanes, width) for pair in zip(parts[0::2], parts[1::2])]
        return _pack(builder, parts, sig.return_type)

    return Vector(x.number, x.m)(x), codegen


@intrinsic
def largest(typing, x):
    """The largest number of all lanes."""

    def larger(builder, a, b):
        compare = builder.fcmp_ordered if isinstance(x.number, types.Float) else builder.icmp_signed
        return builder.select(compare(">", a, b), a, b)

    def codegen(context, builder, sig, args):
        first, *rest = _spread(context, builder, args[0], x, x)
        for part in rest:
            first = larger(builder, first, part)
        width = x.n
        while width > 1:
            width //= 2
            first = larger(builder, *(_shuffled(builder, first, first, range(s, s + width)) for s in (0, width)))
        return builder.extract_element(first, ir.Constant(INT32, 0))

    return x.number(x), codegen


@intrinsic
def transposed(typing, x):
    """n vectors of n numbers, transposed: swap the off-diagonal blocks of size n/2, then n/4, ... 1."""

    def codegen(context, builder, sig, args):
        rows, n, size = _spread(context, builder, args[0], x, x), x.n, x.n // 2
        while size:
            low = [c if c & size == 0 else n + c - size for c in range(n)]
            high = [c + size if c & size == 0 else n + c for c in range(n)]
            for r in range(n):
                if r & size == 0:
                    pair = rows[r], rows[r + size]
                    rows[r], rows[r + size] = (_shuffled(builder, *pair, mask) for mask in (low, high))
            size //= 2
        return _pack(builder, rows, x)

    return x(x), codegen


@intrinsic
def in_turn(typing, a, b, c, d):
    """a_0, b_0, c_0, d_0, a_1, ... as one vector."""
    shape = Vector(a.number, 4 * a.n)

    def codegen(context, builder, sig, args):
        a, b, c, d = (builder.extract_value(x, 0) for x in args)
        n = a.type.count
        pairs = [_shuffled(builder, *pair, range(2 * n)) for pair in ((a, b), (c, d))]
        return _pack(builder, [_shuffled(builder, *pairs, [j * n + k for k in range(n) for j in range(4)])], shape)

    return shape(a, b, c, d), codegen


@intrinsic
def product(typing, x, factor):
    """(low words, high words) of x times the factor, of vectors of uint32."""

    def codegen(context, builder, sig, args):
        (whole,), n = _spread(context, builder, args[0], x, x), x.n
        pairs = builder.bitcast(whole, ir.VectorType(INT64, n // 2))
        (factors,) = _spread(context, builder, args[1], factor, Vector(types.uint64, n // 2))
        low_half, half = (ir.Constant(pairs.type, [value] * (n // 2)) for value in (0xFFFFFFFF, 32))
        even, odd = builder.and_(pairs, low_half), builder.lshr(pairs, half)
        even, odd = (builder.bitcast(builder.mul(lanes, factors), whole.type) for lanes in (even, odd))
        low = [lane if lane % 2 == 0 else n + lane - 1 for lane in range(n)]
        words = (_pack(builder, [_shuffled(builder, even, odd, [k + h for k in low])], x) for h in (0, 1))
        return context.make_tuple(builder, sig.return_type, list(words))

    return types.UniTuple(x, 2)(x, factor), codegen


@intrinsic
def lowest_bit(typing, x):
    """Position of the lowest bit that is on in a uint64; 64 for none."""

    def codegen(context, builder, sig, args):
        return builder.cttz(args[0], ir.Constant(BOOL, 0))

    return types.int64(types.uint64), codegen


@intrinsic
def one_at_a_time(typing):
    """Keeps LLVM from writing out several rounds of the loop around."""

    def codegen(context, builder, sig, args):
        nothing = builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", (), True)
        nothing.attributes.add("convergent")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def lane(typing, x, k):
    """Lane k of a vector."""

    def codegen(context, builder, sig, args):
        return builder.extract_element(builder.extract_value(args[0], 0), args[1])

    return x.number(x, types.int64), codegen
