"""Root file systems from Debian suites: a runtime's interpreter with the libraries it needs, and a shell, and nothing else.

Packages are unpacked, not configured: what their scripts would have made and functions need (certificates, accounts) is made here. The
archive is the one that this host's own apt uses.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from poller.execution.runtimes.building.workshop import BuildError, Workshop, need

BASE = ("base-files", "bash", "dash", "coreutils", "sed", "grep", "ca-certificates", "tzdata", "libstdc++6")
"""What wrapper scripts, TLS, time zones and the clients' native parts need; base-files has the layout."""

ACCOUNTS = "root:x:0:0:root:/root:/bin/bash\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
GROUPS = "root:x:0:\nsbx_user1051:x:990:\n"
"""The service's sandbox user, beside root."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite that has a runtime's interpreter. interpreter: its path inside."""

    name: str
    packages: tuple[str, ...]
    interpreter: str


def _jdk(suite: str, number: int) -> Suite:
    return Suite(
        suite, (f"openjdk-{number}-jre-headless",), f"/usr/lib/jvm/java-{number}-openjdk-{{architecture}}/bin/java"
    )


SUITES = {
    "python3.9": Suite("bullseye", ("python3.9",), "/usr/bin/python3.9"),
    "python3.11": Suite("bookworm", ("python3.11",), "/usr/bin/python3.11"),
    "python3.13": Suite("trixie", ("python3.13",), "/usr/bin/python3.13"),
    "ruby3.3": Suite("trixie", ("ruby3.3",), "/usr/bin/ruby3.3"),
    "java11": _jdk("bullseye", 11),
    "java17": _jdk("bookworm", 17),
    "java21": _jdk("trixie", 21),
    "java25": _jdk("trixie", 25),
}
"""Which stable suite has which interpreter."""


JAVA_STORE = """for file in /usr/share/ca-certificates/mozilla/*.crt; do echo "+$file"; done |
"$0" -jar /usr/share/ca-certificates-java/ca-certificates-java.jar -storepass changeit && test -s /etc/ssl/certs/java/cacerts"""
"""What the script of ca-certificates-java does: the JVM reads certificates from a store of its own."""


def suite(identifier: str) -> Suite:
    """The suite for an identifier. Raises BuildError."""
    found = SUITES.get(identifier)
    if found is None:
        known = ", ".join(SUITES)
        raise BuildError(
            f"no Debian suite has the interpreter of {identifier} (they have those of {known}); leave out --root"
        )
    architecture = _output(["dpkg", "--print-architecture"]).strip()
    return Suite(found.name, found.packages, found.interpreter.format(architecture=architecture))


def unpack(site: Workshop, wanted: Suite, mirror: str) -> None:
    """Fill the root file system. mirror: address of a Debian archive; "": the one of this host. Raises BuildError."""
    need({"mmdebstrap": "mmdebstrap", "tar": "tar", "dpkg": "dpkg"}, "root file systems are unpacked with them")
    archive = site.folder / "root.tar"
    packages = ",".join((*BASE, *wanted.packages))
    lines = [f"deb {mirror} {wanted.name} main"] if mirror else archives(wanted.name)
    # chrootless: nothing of the packages is executed, so neither root nor subordinate user ids are needed
    options = ["--mode=chrootless", "--variant=extract", "--format=tar", f"--include={packages}"]
    site.run(
        f"Debian {wanted.name} with {', '.join(wanted.packages)}",
        ["mmdebstrap", *options, wanted.name, str(archive), *lines],
    )
    site.root.mkdir()
    # as a tar first: the files then belong to whoever runs this, and can be removed again without privileges
    site.run("unpacking", ["tar", "-xf", str(archive), "-C", str(site.root), "--no-same-owner", "--exclude=./dev/*"])
    archive.unlink()
    _finish(site.root)


def archives(name: str) -> list[str]:
    """Lines of apt's configuration for a suite, at the addresses where this host gets its own Debian packages. Raises BuildError."""
    told = _output(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]).splitlines()
    found = {tuple(line.split("|")) for line in told}
    main = sorted(uri for origin, label, uri in found if (origin, label) == ("Debian", "Debian"))
    security = sorted(uri for origin, label, uri in found if (origin, label) == ("Debian", "Debian-Security"))
    if not main:
        raise BuildError(
            "apt on this host knows no Debian archive (or no list yet: apt-get update); name one with --mirror"
        )
    return [f"deb {main[0]} {name} main", *(f"deb {uri} {name}-security main" for uri in security[:1])]


def _finish(root: Path) -> None:
    """What the packages' own scripts would have made."""
    etc = root / "etc"
    certificates = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    (etc / "ssl/certs").mkdir(parents=True, exist_ok=True)
    bundle = "".join(path.read_text() for path in certificates)
    (etc / "ssl/certs/ca-certificates.crt").write_text(bundle)
    (etc / "passwd").write_text(ACCOUNTS)
    (etc / "group").write_text(GROUPS)
    for name in ("var/task", "var/runtime", "var/lang", "opt", "tmp", "proc", "dev", "sys"):
        (root / name).mkdir(parents=True, exist_ok=True)  # where sandboxes mount things
    for name in ("resolv.conf", "hosts"):
        (etc / name).touch()
    for name in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"):
        shutil.rmtree(root / name, ignore_errors=True)


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"{command[0]} does not tell what is asked: {error}") from error
