"""The one program of ours in a container, as machine code: it makes system calls for the daemon, one at a time, as it is told.

An image need not hold any program that could wait, listen or start another one, and a host need not have one for its architecture.
So this is the program itself: forty instructions, no library, and no decision in it; what it is told is in agent.py. It connects to a
socket in a folder that the engine mounts; then each message is a call's number, six arguments, and bytes they may point to, and the
answer is the result, the number of the socket's descriptor, and the memory behind. The child of a ``clone`` begins anew, with a
connection of its own. When the daemon hangs up, however that comes, the program ends; as process 1 it takes all others with it.

The listings were made with GNU as.
"""

from __future__ import annotations

import struct

PLACE = "/.pollerd"
"""Folder inside where program and socket are seen."""
PROGRAM, SOCKET = f"{PLACE}/agent", f"{PLACE}/daemon"
MEMORY, SIZE, SHOWN = 0x600000, 0x40000, 4096
"""Address and size of the memory that messages come to; bytes of it that an answer shows."""
_BASE, _HEADERS = 0x400000, 64 + 2 * 56

CALLS = {
    "x86_64": {
        "rt_sigaction": 13, "socket": 41, "connect": 42, "sendmsg": 46, "recvmsg": 47, "bind": 49, "listen": 50,
        "setsockopt": 54, "clone": 56, "execve": 59, "wait4": 61, "kill": 62, "fcntl": 72, "chdir": 80, "umask": 95,
        "setsid": 112, "getdents64": 217, "openat": 257, "faccessat": 269, "dup3": 292, "close": 3, "getpid": 39,
    },
    "aarch64": {
        "rt_sigaction": 134, "socket": 198, "connect": 203, "sendmsg": 211, "recvmsg": 212, "bind": 200, "listen": 201,
        "setsockopt": 208, "clone": 220, "execve": 221, "wait4": 260, "kill": 129, "fcntl": 25, "chdir": 49, "umask": 166,
        "setsid": 157, "getdents64": 61, "openat": 56, "faccessat": 48, "dup3": 24, "close": 57, "getpid": 172,
    },
}  # fmt: skip
"""Numbers of the system calls, by machine as uname has it (Linux, syscall_64.tbl and asm-generic/unistd.h)."""

_X86_64 = """
b829000000        start:  mov eax, 41             ; socket(
bf01000000                mov edi, 1              ;   AF_UNIX,
be05000800                mov esi, 0x80005        ;   SOCK_SEQPACKET | SOCK_CLOEXEC,
31d2                      xor edx, edx            ;   0)
0f05                      syscall
89c3                      mov ebx, eax
b82a000000                mov eax, 42             ; connect(
89df                      mov edi, ebx            ;   that,
488d3579000000            lea rsi, [rip + name]   ;   name,
ba13000000                mov edx, 19             ;   its length)
0f05                      syscall
31c0              next:   xor eax, eax            ; read(
89df                      mov edi, ebx            ;   socket,
be00006000                mov esi, 0x600000       ;   memory,
ba00000400                mov edx, 0x40000        ;   its size)
0f05                      syscall
4885c0                    test rax, rax
7e54                      jle end                 ; the daemon has hung up
41bc00006000              mov r12d, 0x600000
498b0424                  mov rax, [r12]
498b7c2408                mov rdi, [r12 + 8]
498b742410                mov rsi, [r12 + 16]
498b542418                mov rdx, [r12 + 24]
4d8b542420                mov r10, [r12 + 32]
4d8b442428                mov r8, [r12 + 40]
4d8b4c2430                mov r9, [r12 + 48]
4989c6                    mov r14, rax
0f05                      syscall
4983fe38                  cmp r14, 56             ; clone
7505                      jne answer
4885c0                    test rax, rax
7489                      je start                ; in the child
49890424          answer: mov [r12], rax
49895c2408                mov [r12 + 8], rbx
b801000000                mov eax, 1              ; write(
89df                      mov edi, ebx            ;   socket,
4c89e6                    mov rsi, r12            ;   memory,
ba00100000                mov edx, 4096           ;   what is shown of it)
0f05                      syscall
eb97                      jmp next
b8e7000000        end:    mov eax, 231            ; exit_group(
31ff                      xor edi, edi            ;   0)
0f05                      syscall
"""

_AARCH64 = """
d28018c8          start:  mov x8, 198             ; socket(
d2800020                  mov x0, 1               ;   AF_UNIX,
d28000a1                  mov x1, 5               ;   SOCK_SEQPACKET
f2a00101                  movk x1, 8, lsl 16      ;     | SOCK_CLOEXEC,
d2800002                  mov x2, 0               ;   0)
d4000001                  svc 0
aa0003f3                  mov x19, x0
d2801968                  mov x8, 203             ; connect(that,
100003c1                  adr x1, name            ;   name,
d2800262                  mov x2, 19              ;   its length)
d4000001                  svc 0
d28007e8          next:   mov x8, 63              ; read(
aa1303e0                  mov x0, x19             ;   socket,
d2a00c01                  mov x1, 0x600000        ;   memory,
d2a00082                  mov x2, 0x40000         ;   its size)
d4000001                  svc 0
f100001f                  cmp x0, 0
5400024d                  b.le end                ; the daemon has hung up
d2a00c14                  mov x20, 0x600000
a9400288                  ldp x8, x0, [x20]
a9410a81                  ldp x1, x2, [x20, 16]
a9421283                  ldp x3, x4, [x20, 32]
f9401a85                  ldr x5, [x20, 48]
aa0803f5                  mov x21, x8
d4000001                  svc 0
f10372bf                  cmp x21, 220            ; clone
54000041                  b.ne answer
b4fffca0                  cbz x0, start           ; in the child
a9004e80          answer: stp x0, x19, [x20]
d2800808                  mov x8, 64              ; write(
aa1303e0                  mov x0, x19             ;   socket,
aa1403e1                  mov x1, x20             ;   memory,
d2820002                  mov x2, 4096            ;   what is shown of it)
d4000001                  svc 0
17ffffe9                  b next
d2800bc8          end:    mov x8, 94              ; exit_group(
d2800000                  mov x0, 0               ;   0)
d4000001                  svc 0
"""


def program(machine: str) -> bytes:
    """An ELF file. machine: as uname has it. Raises KeyError for one that there is no program for."""
    kind, listing, word = {"x86_64": (62, _X86_64, 1), "aarch64": (183, _AARCH64, 4)}[machine]
    code = b"".join(bytes.fromhex(line.split()[0])[:: -1 if word > 1 else 1] for line in listing.splitlines() if line)
    name = struct.pack("<H", 1) + SOCKET.encode() + b"\0"  # struct sockaddr_un: AF_UNIX, path
    size = _HEADERS + len(code) + len(name)
    header = struct.pack(
        "<4s5B7xHHIQQQI6H",
        *(b"\x7fELF", 2, 1, 1, 0, 0),  # 64 bits, little end first
        *(2, kind, 1, _BASE + _HEADERS, 64, 0, 0),  # an executable; two program headers, no sections
        *(64, 56, 2, 0, 0, 0),
    )
    text = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)  # the file, to read and execute
    memory = struct.pack("<IIQQQQQQ", 1, 6, 0, MEMORY, MEMORY, 0, SIZE, 0x10000)  # nothing of it, to read and write
    return header + text + memory + code + name
