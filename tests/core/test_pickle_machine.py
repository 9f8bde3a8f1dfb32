"""Pickles as instructions on plain values: what Python reads comes out, harm does not."""

from __future__ import annotations

import math
import pickle
import resource
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selfie3d.core.array_pickle import (
    DAMAGED_PICKLE,
    PickledArray,
    PickledType,
    array_stand_in,
    read_pickled_arrays,
)
from selfie3d.core.errors import InputError
from selfie3d.core.pickle_machine import PickleMachine, RefusedPickle, StandIn

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.binary(), inner, max_size=4)
    ),
    max_leaves=12,
)


def load(content: bytes) -> object:
    return PickleMachine(content, array_stand_in).load()


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and all(map(same, one, other)) and len(one) == len(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(v, other[k]) for k, v in one.items())
    return type(one) is type(other) and one == other


@settings(max_examples=80, deadline=None)
@given(PLAIN, st.sampled_from([3, 4, 5]))
def test_plain_values_come_out_as_python_reads_them(value, protocol):
    machine = PickleMachine(pickle.dumps(value, protocol) * 2, array_stand_in)
    assert same(machine.load(), value) and same(machine.load(), value)
    assert machine.at == len(machine.content)


@settings(max_examples=60, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner, max_size=4), max_leaves=8))  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_old_protocols(protocol, value):
    assert same(load(pickle.dumps(value, protocol)), value)


CODES = b"(.0123FIJKLMNPQRSTUVXabcdeghijlopqrstu]})\x80\x81\x85\x8a\x93\x95"
PARTS = [bytes([code]) for code in CODES] + [b"\0\0\0\x10", b"\xff", b"numpy\nndarray\n", b"\n"]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=40).map(b"".join))
def test_any_instructions_end_in_a_value_or_in_an_error(content):
    try:
        load(content + b".")
    except (*DAMAGED_PICKLE,):
        pass


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"\x80\x02Nr\0\0\0\x10.", "the place 268,435,456"),  # Python takes 4 GB
        (b"\x80\x02Np9999999999999\n.", "the place"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b".", "ends after"),  # BINBYTES8
        (b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".", "ends after"),  # BYTEARRAY8
        (b"\x80\x02T" + struct.pack("<i", -5) + b".", "ends after"),
        (b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"Ns.", "a key that is a tuple"),
        (b"\x80\x02" + b"]" * 510_000 + b".", "instructions"),
        (b"\x80\x02\x82\x01.", "instruction"),  # an extension
        (b"\x80\x04\x8f.", "instruction"),  # a set
        (b"\x80\x02P1\n.", "outside"),
        (b"\x80\x02NNb.", "a state for what has none"),
        (b"\x80\x02NNR.", "a call of what is no name"),
    ],
)  # fmt: skip
def test_what_takes_memory_or_the_process(content, problem):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DAMAGED_PICKLE, match=problem):
        load(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB


@pytest.mark.parametrize("name", [b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n"])
@pytest.mark.parametrize("state", [b"N}U\x07resolveNs\x86", b"}U\x07resolveNs", b"NN\x86"])
def test_a_state_for_a_name_changes_no_class(tmp_path, name, state):
    """Python would set attributes of the class, for the rest of the process."""
    with pytest.raises(RefusedPickle, match="a state for what has none"):
        load(b"\x80\x02" + name + state + b"b.")
    assert callable(PickledArray.resolve) and callable(PickledType.resolve)


def test_stand_ins_are_all_that_is_called():
    made = []
    find = {("a", "b"): StandIn(lambda *args: made.append(args) or "done")}
    assert PickleMachine(b"ca\nb\n(I1\ntR.", lambda *n: find[n]).load() == "done"
    assert made == [(1,)]
    assert PickleMachine(b"(I1\nia\nb\n.", lambda *n: find[n]).load() == "done"
    assert PickleMachine(b"(ca\nb\nI1\no.", lambda *n: find[n]).load() == "done"
    with pytest.raises(RefusedPickle, match="named arguments"):
        PickleMachine(b"\x80\x04ca\nb\n)}U\x01xK\x01s\x92.", lambda *n: find[n]).load()


def test_many_arrays_of_the_same_bytes(tmp_path):
    """Each would be a copy: 2 MB that become 4 GB."""
    head = (
        b"\x80\x04}(cnumpy.core.numeric\n_frombuffer\nq\0cnumpy\ndtype\nX\x02\0\0\0u1K\0K\x01\x87R"
        b"q\x01B" + struct.pack("<I", 1 << 20) + bytes(1 << 20) + b"q\x02J\0\0\x10\0\x85q\x03"
    )
    body = b"".join(b"X\x04\0\0\0%04dh\0(h\x02h\x01h\x03X\x01\0\0\0CtR" % k for k in range(4000))
    (tmp_path / "a.pkl").write_bytes(head + b"0000" + body + b"u.")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="far larger"):
        read_pickled_arrays(tmp_path / "a.pkl")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
