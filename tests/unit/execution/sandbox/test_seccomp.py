"""The filter, run by a small interpreter of its instructions, and its tables against the kernel's headers."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poller.execution.sandbox.seccomp import (
    ALLOW,
    ANY_BIT,
    AT_LEAST,
    EQUAL,
    FAMILIES,
    LOAD,
    MACHINES,
    NAMES,
    NAMESPACE_FLAGS,
    NEW_TIME,
    REFUSE,
    RETURN,
    program,
)

HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", r"#define __NR_(\w+)\s+(\d+)"),
    "aarch64": ("/usr/include/asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+)\s+(\d+)"),
}
machines = pytest.mark.parametrize("machine", MACHINES)


def run(machine: str, number: int, first: int = 0, audit: int | None = None) -> int:
    """What the kernel would do: 0, or the error's number."""
    known = MACHINES[machine]
    data = struct.pack("=IIQ6Q", number, known.audit if audit is None else audit, 0, first, *[0] * 5)
    steps = list(struct.iter_unpack("=HBBI", program(machine)))
    at, value = 0, 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        match code:
            case c if c == LOAD:
                (value,) = struct.unpack_from("=I", data, operand)
            case c if c == EQUAL:
                at += yes if value == operand else no
            case c if c == AT_LEAST:
                at += yes if value >= operand else no
            case c if c == ANY_BIT:
                at += yes if value & operand else no
            case c if c == RETURN:
                return 0 if operand == ALLOW else operand - REFUSE
            case _:
                raise AssertionError(code)


@machines
def test_the_numbers_are_the_kernels(machine: str) -> None:
    path, pattern = HEADERS[machine]
    if not Path(path).exists():
        pytest.skip(f"{path} is not installed (Debian: linux-libc-dev)")
    kernel = {name: int(number) for name, number in re.findall(pattern, Path(path).read_text())}
    known = {name: number for name, number in MACHINES[machine].numbers.items() if name in kernel}
    assert known == {name: kernel[name] for name in known}
    assert len(known) > 40


@machines
def test_every_name_is_refused_on_every_machine(machine: str) -> None:
    for name in NAMES.split():
        assert run(machine, MACHINES[machine].numbers[name]) == errno.EPERM, name
    assert run(machine, MACHINES[machine].numbers["clone3"]) == errno.ENOSYS


@machines
@given(flags=st.integers(0, 2**32 - 1))
def test_clone_and_unshare_are_refused_with_a_namespace_only(machine: str, flags: int) -> None:
    numbers = MACHINES[machine].numbers
    assert bool(run(machine, numbers["clone"], flags)) is bool(flags & NAMESPACE_FLAGS)
    assert bool(run(machine, numbers["unshare"], flags)) is bool(flags & (NAMESPACE_FLAGS | NEW_TIME))


@machines
@given(family=st.integers(0, 64))
def test_sockets_are_of_a_few_families(machine: str, family: int) -> None:
    expected = 0 if family in FAMILIES else errno.EAFNOSUPPORT
    assert run(machine, MACHINES[machine].numbers["socket"], family) == expected


@machines
@given(number=st.integers(0, 600), first=st.integers(0, 2**64 - 1))
def test_everything_else_is_allowed(machine: str, number: int, first: int) -> None:
    if number not in MACHINES[machine].numbers.values():
        assert run(machine, number, first) == 0


@machines
def test_the_table_of_another_architecture_is_refused(machine: str) -> None:
    assert run(machine, 39, audit=0x40000003) == errno.EPERM  # AUDIT_ARCH_I386
    if MACHINES[machine].foreign:
        assert run(machine, MACHINES[machine].foreign | 39) == errno.EPERM


def test_there_is_none_for_a_machine_without_a_table() -> None:
    assert program("riscv64") == b""
