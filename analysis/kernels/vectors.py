"""A vector as a type of numba's, so that kernels are loops in Python that read like their formulas.

    + - * / & | ^ << >> < > !=              lane by lane; a number stands in every lane; >> fills up with 0
    fma, select, popcount, view, convert    lane by lane
    sums, largest                           across lanes, in a stated order

A Vector is m vectors of n numbers, which go through the same operations; `layouts` has what brings them from arrays and
back. Sizes are constants. Every operation is rounded as written, on vectors of any width the same.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from analysis.kernels.jit import intrinsic

INT32, _REGISTER = ir.IntType(32), 16  # float32 in the widest vector register


class Vector(types.Type):
    """m vectors of n numbers each; in LLVM an array of vectors."""

    def __init__(self, number, n, m=1):
        self.number, self.n, self.m = number, n, m
        super().__init__(f"Vector({number}, {n}, {m})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.ArrayType(lanes_type(kind.number, kind.n), kind.m))


def lanes_type(number, n):
    """The LLVM type of n numbers."""
    return ir.VectorType(ir.FloatType() if number == types.float32 else ir.IntType(_bits(number)), n)


def _bits(number):
    return 1 if number == types.boolean else number.bitwidth


def _shape(*kinds):
    """The type of the result of an operation lane by lane: of the widest, and the most, vectors, or a number."""
    vectors = [kind for kind in kinds if isinstance(kind, Vector)]
    if not vectors:
        return kinds[0]
    number = max(vectors, key=lambda kind: kind.n).number
    return Vector(number, max(kind.n for kind in vectors), max(kind.m for kind in vectors))


def _of(number, shape):
    """The same shape, of other numbers."""
    return Vector(number, shape.n, shape.m) if isinstance(shape, Vector) else number


def unpacked(context, builder, value, kind, shape):
    """The m LLVM vectors of a value, brought into the shape; or the one number, where the shape is none of vectors."""
    if not isinstance(shape, Vector):
        return [value]
    if isinstance(kind, Vector):
        parts = [builder.extract_value(value, k) for k in range(kind.m)]
    else:
        parts = [one(builder, context.cast(builder, value, kind, shape.number))]
    if parts[0].type.count < shape.n:
        parts = [shuffled(builder, part, part, [0] * shape.n) for part in parts]
    return parts * (shape.m // len(parts))


def one(builder, number):
    """A vector of one number."""
    nothing = ir.Constant(ir.VectorType(number.type, 1), ir.Undefined)
    return builder.insert_element(nothing, number, ir.Constant(INT32, 0))


def packed(builder, parts, kind):
    """The LLVM vectors as one value of this kind, or the one number; inverse of `unpacked`."""
    if not isinstance(kind, Vector):
        return parts[0]
    out = ir.Constant(ir.ArrayType(parts[0].type, len(parts)), ir.Undefined)
    for k, part in enumerate(parts):
        out = builder.insert_value(out, part, k)
    return out


def shuffled(builder, a, b, lanes):
    """The lanes, by number, of vectors a and b put side by side."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(lanes)), list(lanes)))


def across(operation, shapes=None):
    """Code for operation(builder, *lists of vectors, one an argument) -> list of vectors, or of one number."""

    def codegen(context, builder, sig, args):
        to = shapes or [_shape(*sig.args)] * len(args)
        lists = [unpacked(context, builder, *triple) for triple in zip(args, sig.args, to)]
        return packed(builder, operation(builder, *lists), sig.return_type)

    return codegen


def each(operation, shapes=None):
    """Code for operation(builder, *vectors), once for each of the m vectors of all arguments."""
    return across(lambda builder, *lists: [operation(builder, *row) for row in zip(*lists)], shapes)


# ---- lane by lane --------------------------------------------------------------------------------------------------


def _operator(key, of_floats, of_integers, compares=False):
    """Lets Python's operator act on vectors, by methods of LLVM's builder."""

    @infer_global(key)
    class Template(AbstractTemplate):
        def generic(self, args, kws):
            shape = _shape(*args)
            if isinstance(shape, Vector):
                return signature(_of(types.boolean, shape) if compares else shape, *args)

    def lower(context, builder, sig, args):
        of_these = of_floats if isinstance(_shape(*sig.args).number, types.Float) else of_integers
        return each(of_these)(context, builder, sig, args)

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector), (Vector,)):
        lower_builtin(key, *kinds)(lower)


_B = ir.IRBuilder
_operator(operator.add, _B.fadd, _B.add)
_operator(operator.sub, _B.fsub, _B.sub)
_operator(operator.mul, _B.fmul, _B.mul)
_operator(operator.truediv, _B.fdiv, None)
_operator(operator.neg, _B.fneg, _B.neg)
_operator(operator.and_, None, _B.and_)
_operator(operator.or_, None, _B.or_)
_operator(operator.xor, None, _B.xor)
_operator(operator.lshift, None, _B.shl)
_operator(operator.rshift, None, _B.lshr)
_operator(operator.lt, lambda b, *x: b.fcmp_ordered("<", *x), lambda b, *x: b.icmp_signed("<", *x), compares=True)
_operator(operator.gt, lambda b, *x: b.fcmp_ordered(">", *x), lambda b, *x: b.icmp_signed(">", *x), compares=True)
_operator(operator.ne, None, lambda b, *x: b.icmp_signed("!=", *x), compares=True)


def _llvm(name, reduces=False):
    """LLVM's function of this name, of numbers or vectors; one that reduces a vector to a number."""

    def operation(builder, *args):
        kind, lanes, number = args[0].type, "", args[0].type
        if isinstance(kind, ir.VectorType):
            lanes, number = f"v{kind.count}", kind.element
        signature = ir.FunctionType(number if reduces else kind, [kind] * len(args))
        name_of = f"llvm.{name}.{lanes}{number.intrinsic_name}"
        return builder.call(cgutils.get_or_insert_function(builder.module, signature, name_of), args)

    return operation


@intrinsic
def fma(typing, a, b, c):
    """a b + c in float32, rounded once; numbers or vectors."""
    return _shape(a, b, c)(a, b, c), each(_llvm("fma"))


@intrinsic
def popcount(typing, x):
    """Bits that are on in each whole number."""
    return x(x), each(_llvm("ctpop"))


@intrinsic
def select(typing, on, a, b):
    """a where it is on, else b."""
    shape = _of(getattr(a, "number", getattr(b, "number", a)), _shape(on, a, b))
    return shape(on, a, b), each(_B.select, [_of(types.boolean, shape), shape, shape])


@intrinsic
def view(typing, x, number):
    """The bits of x read as other numbers: np.int32, or np.bool_ for single bits."""
    if x in types.integer_domain and number.dtype == types.float32:
        x = types.int32  # numba computes with numbers of 64 bits
    n = getattr(x, "n", 1) * _bits(getattr(x, "number", x)) // _bits(number.dtype)
    result, to = Vector(number.dtype, n, getattr(x, "m", 1)), lanes_type(number.dtype, n)
    if (n, result.m) == (1, 1):
        result, to = number.dtype, to.element
    return result(x, number), each(lambda builder, part: builder.bitcast(part, to), [x])


@intrinsic
def convert(typing, x, number):
    """Whole numbers, signed, as others or as float32, lane by lane."""
    to = number.dtype
    whole = _B.trunc if _bits(to) < _bits(x.number) else _B.sext
    method = _B.sitofp if isinstance(to, types.Float) else whole
    return _of(to, x)(x, number), each(lambda builder, part: method(builder, part, lanes_type(to, x.n)), [x])


@intrinsic(prefer_literal=True)
def splat(typing, x, n, places):
    """The number n times, a vector a place (see `layouts`)."""
    shape = Vector(types.unliteral(x), n.literal_value, getattr(places, "m", 1))
    return shape(shape.number, n, types.unliteral(places)), each(lambda builder, part, *_: part, [shape])


# ---- across lanes --------------------------------------------------------------------------------------------------


@intrinsic
def sums(typing, x):
    """The sum of the lanes of each of m vectors, as one vector: halves are added until one number is left of each."""
    add = _B.fadd if isinstance(x.number, types.Float) else _B.add

    def add_halves(builder, a, b, lanes, width):
        """Lanes of a and b in segments of 2 width: each one's first half + its second half."""
        halves = [[lane for lane in lanes if lane // width % 2 == half] for half in (0, 1)]
        return add(builder, *(shuffled(builder, a, b, half) for half in halves))

    def operation(builder, parts):
        width = x.n
        while width > 1:
            width //= 2
            if width >= _REGISTER or len(parts) == 1:
                parts = [add_halves(builder, part, part, range(part.type.count), width) for part in parts]
            else:
                lanes = range(2 * parts[0].type.count)
                parts = [add_halves(builder, *pair, lanes, width) for pair in zip(parts[0::2], parts[1::2])]
        return parts

    return Vector(x.number, x.m)(x), across(operation)


@intrinsic
def largest(typing, x):
    """The largest of all lanes of all vectors of whole numbers, signed."""

    def operation(builder, parts):
        found = parts[0]
        for part in parts[1:]:
            found = builder.select(builder.icmp_signed(">", found, part), found, part)
        return [_llvm("vector.reduce.smax", reduces=True)(builder, found)]

    return x.number(x), across(operation)
