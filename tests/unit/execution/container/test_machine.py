"""The program for containers, read back: a file that a kernel takes, with what the listing says."""

from __future__ import annotations

import struct

import pytest

from poller.execution.container.machine import CALLS, MEMORY, SIZE, SOCKET, program

KINDS = {"x86_64": 62, "aarch64": 183}


@pytest.mark.parametrize("machine", sorted(CALLS))
def test_it_is_an_executable_of_its_machine(machine: str) -> None:
    content = program(machine)
    assert content[:6] == b"\x7fELF\x02\x01"
    kind, of, _, entry = struct.unpack_from("<HHIQ", content, 16)
    assert (kind, of) == (2, KINDS[machine])
    text = struct.unpack_from("<IIQQQQQQ", content, 64)
    memory = struct.unpack_from("<IIQQQQQQ", content, 64 + 56)
    assert text[:3] == (1, 5, 0)  # to read and execute, never to write
    assert text[5] == text[6] == len(content)
    assert text[3] < entry < text[3] + len(content)
    assert memory[:2] == (1, 6)
    assert (memory[3], memory[5], memory[6]) == (MEMORY, 0, SIZE)


@pytest.mark.parametrize("machine", sorted(CALLS))
def test_it_calls_at_the_socket_by_a_name_of_the_length_that_its_code_has(machine: str) -> None:
    name = b"\x01\x00" + SOCKET.encode() + b"\0"
    content = program(machine)
    assert content.endswith(name)
    length = {
        "x86_64": b"\xba" + struct.pack("<I", len(name)),
        "aarch64": struct.pack("<I", 0xD2800002 | len(name) << 5),
    }
    assert length[machine] in content


def test_every_machine_has_every_call() -> None:
    assert CALLS["x86_64"].keys() == CALLS["aarch64"].keys()
    assert all(len(set(numbers.values())) == len(numbers) for numbers in CALLS.values())


def test_another_machine_has_none() -> None:
    with pytest.raises(KeyError):
        program("riscv64")
