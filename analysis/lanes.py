"""Chains or patterns side by side: the two vector operations that carry the simulation.

    lane_sum:  total[u, c] = sum_k weight[k] state[neighbour[k], c]     k = first ... last - 1, in this order
    lane_dot:  sum_t sum_c a[t, i, c] b[t, j, c]                        c summed in one fixed binary tree

States are stored as tiles (n_units, LANES), the lanes contiguous, so a synapse costs one load and one multiply-add for
all of them whatever the density, and a pruned synapse costs nothing. The order of every sum is spelled out in
LLVM vectors of LANES: hardware with narrower vectors splits them and gets the same bits.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 32

_FLOAT, _INT32, _INT64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_ALIGN = 4  # numpy promises no more than the alignment of one float32


def _data(context, builder, array_type, array):
    return context.make_array(array_type)(context, builder, array).data


def _splat(builder, scalar):
    """The scalar in every lane."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(_INT32, 0))
    zeros = ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _lanes_at(builder, pointer, row):
    """Pointer to the lanes of a row."""
    offset = builder.mul(row, ir.Constant(_INT64, LANES))
    return builder.bitcast(builder.gep(pointer, [offset]), _VECTOR.as_pointer())


def _loop(builder, first, last, initial, body):
    """Fold body(k, accumulator) over k = first ... last - 1; leaves the builder after the loop."""
    entry = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    k, accumulator = builder.phi(_INT64), builder.phi(_VECTOR)
    builder.cbranch(builder.icmp_signed("<", k, last), inside, after)
    builder.position_at_end(inside)
    new = body(k, accumulator)
    for phi, start, value in ((k, first, builder.add(k, ir.Constant(_INT64, 1))), (accumulator, initial, new)):
        phi.add_incoming(start, entry)
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return accumulator


@intrinsic
def lane_sum(typing, total, unit, tile, first, last, neighbour, weight):
    """total[unit, c] = sum_k weight[k] tile[neighbour[k], c] for k = first ... last - 1, in ascending k.

    total (n, LANES) and tile (n_units, LANES) float32, neighbour int32, weight float32; all C-contiguous.
    """
    signature = types.void(total, unit, tile, first, last, neighbour, weight)

    def codegen(context, builder, signature, arguments):
        pointers = [_data(context, builder, signature.args[i], arguments[i]) for i in (0, 2, 5, 6)]
        total_at, tile_at, neighbour_at, weight_at = pointers

        def add_synapse(k, accumulator):
            row = builder.sext(builder.load(builder.gep(neighbour_at, [k])), _INT64)
            scale = _splat(builder, builder.load(builder.gep(weight_at, [k])))
            state = builder.load(_lanes_at(builder, tile_at, row), align=_ALIGN)
            return builder.fadd(accumulator, builder.fmul(scale, state))

        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        result = _loop(builder, arguments[3], arguments[4], zero, add_synapse)
        builder.store(result, _lanes_at(builder, total_at, arguments[1]), align=_ALIGN)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def lane_dot(typing, tiles, i, j):
    """sum_t sum_c tiles[t, i, c] tiles[t, j, c]: tiles in ascending t lane by lane, then a binary tree over lanes.

    tiles (n_tiles, n_units, LANES), float32, C-contiguous. Returns float32.
    """
    signature = types.float32(tiles, i, j)

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        n_tiles, n_units = builder.extract_value(array.shape, 0), builder.extract_value(array.shape, 1)

        def add_tile(t, accumulator):
            base = builder.mul(t, n_units)
            a, b = (
                builder.load(_lanes_at(builder, array.data, builder.add(base, u)), align=_ALIGN) for u in arguments[1:]
            )
            return builder.fadd(accumulator, builder.fmul(a, b))

        zero = ir.Constant(_VECTOR, [0.0] * LANES)
        vector = _loop(builder, ir.Constant(_INT64, 0), n_tiles, zero, add_tile)
        width = LANES
        while width > 1:
            width //= 2
            halves = [ir.Constant(ir.VectorType(_INT32, width), list(range(s, s + width))) for s in (0, width)]
            low, high = (builder.shuffle_vector(vector, vector, half) for half in halves)
            vector = builder.fadd(low, high)
        return builder.extract_element(vector, ir.Constant(_INT32, 0))

    return signature, codegen
