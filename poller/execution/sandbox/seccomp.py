"""System calls that a function in a sandbox has no use for, refused by the kernel: a program for seccomp, made by hand. Pure.

Namespaces already decide what a function can reach; this decides how much of the kernel it can talk to, where most ways out of a
container began. bubblewrap's own ``--seccomp`` would not do: it holds for its child, not for processes that enter later.

Refused, as not permitted (EPERM), is what falls into one of these:

* making or entering namespaces and mounts: with a user namespace of its own a process is root in it, and has the whole of the mount,
  netfilter and traffic control code before it. ``clone3`` hides its flags in memory, so it is not there (ENOSYS) and C libraries
  take ``clone``;
* reaching into another process: ptrace and its like;
* machinery with a long record of holes and no use for a function: bpf, perf, userfaultfd, io_uring (clients fall back), keyrings
  (which are not part of any namespace; a function would share the daemon's), file handles (which know no mount namespace);
* what administers a machine: modules, kexec, swap, clock, quota, accounting, kernel log. The kernel refuses it for want of a
  capability anyway; two locks, and a question less.

Sockets are of the families that programs use, AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK; the others (AF_VSOCK reaches past every
namespace to the hypervisor, AF_ALG drives the kernel's ciphers) are not supported, EAFNOSUPPORT. Calls by the table of another
architecture (32 bit, x32) are not permitted: their numbers mean something else.

Left alone: seccomp and landlock, by which programs confine themselves; personality, NUMA policy and scheduling, which language runtimes
call. Debuggers and browsers that bring a sandbox of their own need ``sandbox: none``.

Sources: Linux, Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/{filter,seccomp,audit}.h, seccomp(2).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from dataclasses import dataclass

NAMES = """
    mount umount2 pivot_root chroot move_mount fsopen fsconfig fsmount fspick open_tree mount_setattr setns
    ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp
    bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register keyctl add_key request_key open_by_handle_at
    init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd syslog
    settimeofday clock_settime vhangup fanotify_init sethostname setdomainname
"""
"""Refused whatever their arguments."""

NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET, of clone and unshare."""
NEW_TIME = 0x80
"""CLONE_NEWTIME, of unshare; in clone's flags those bits are the signal at the end."""
FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""


@dataclass(frozen=True, slots=True)
class Machine:
    """An architecture. audit: AUDIT_ARCH_... . foreign: numbers from here on are of another table; 0: there is none."""

    audit: int
    numbers: Mapping[str, int]
    foreign: int = 0


def _numbers(text: str) -> dict[str, int]:
    return {name: int(number) for name, number in (word.split("=") for word in text.split())}


MACHINES = {
    "x86_64": Machine(
        audit=0xC000003E,
        foreign=0x40000000,
        numbers=_numbers("""
            mount=165 umount2=166 pivot_root=155 chroot=161 move_mount=429 fsopen=430 fsconfig=431 fsmount=432 fspick=433
            open_tree=428 mount_setattr=442 setns=308 ptrace=101 process_vm_readv=310 process_vm_writev=311 pidfd_getfd=438
            kcmp=312 bpf=321 perf_event_open=298 userfaultfd=323 io_uring_setup=425 io_uring_enter=426 io_uring_register=427
            keyctl=250 add_key=248 request_key=249 open_by_handle_at=304 init_module=175 finit_module=313 delete_module=176
            kexec_load=246 kexec_file_load=320 reboot=169 swapon=167 swapoff=168 acct=163 quotactl=179 quotactl_fd=443
            syslog=103 settimeofday=164 clock_settime=227 vhangup=153 fanotify_init=300 sethostname=170 setdomainname=171
            clone=56 clone3=435 unshare=272 socket=41
        """),
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        numbers=_numbers("""
            mount=40 umount2=39 pivot_root=41 chroot=51 move_mount=429 fsopen=430 fsconfig=431 fsmount=432 fspick=433
            open_tree=428 mount_setattr=442 setns=268 ptrace=117 process_vm_readv=270 process_vm_writev=271 pidfd_getfd=438
            kcmp=272 bpf=280 perf_event_open=241 userfaultfd=282 io_uring_setup=425 io_uring_enter=426 io_uring_register=427
            keyctl=219 add_key=217 request_key=218 open_by_handle_at=265 init_module=105 finit_module=273 delete_module=106
            kexec_load=104 kexec_file_load=294 reboot=142 swapon=224 swapoff=225 acct=89 quotactl=60 quotactl_fd=443
            syslog=116 settimeofday=170 clock_settime=112 vhangup=58 fanotify_init=262 sethostname=161 setdomainname=162
            clone=220 clone3=435 unshare=97 socket=198
        """),
    ),
}
"""By what ``os.uname().machine`` says. Elsewhere there is no filter, and ``Bubblewrap.description`` says so."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF_LD|W|ABS; BPF_JMP|K with JEQ, JGE, JSET; BPF_RET|K."""
NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data; the lower half of the first argument, both machines being little-endian."""
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
"""SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO, to which the number is added."""


def program(machine: str) -> bytes:
    """The filter as struct sock_filter[], one after the other; b"" for an architecture without a table."""
    known = MACHINES.get(machine)
    if known is None:
        return b""
    number = known.numbers
    code: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, known.audit),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (LOAD, 0, 0, NUMBER),
    ]
    if known.foreign:
        code += [(AT_LEAST, 0, 1, known.foreign), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    for name in NAMES.split():
        code += [(EQUAL, 0, 1, number[name]), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    code += [(EQUAL, 0, 1, number["clone3"]), (RETURN, 0, 0, REFUSE | errno.ENOSYS)]
    for name, flags in (("clone", NAMESPACE_FLAGS), ("unshare", NAMESPACE_FLAGS | NEW_TIME)):
        code += [
            (EQUAL, 0, 4, number[name]),
            (LOAD, 0, 0, ARGUMENT),
            (ANY_BIT, 0, 1, flags),
            (RETURN, 0, 0, REFUSE | errno.EPERM),
            (RETURN, 0, 0, ALLOW),
        ]
    code += [(EQUAL, 1, 0, number["socket"]), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, ARGUMENT)]
    code += [(EQUAL, len(FAMILIES) - at, 0, family) for at, family in enumerate(FAMILIES)]
    code += [(RETURN, 0, 0, REFUSE | errno.EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in code)
