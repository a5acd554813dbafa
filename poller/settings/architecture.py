"""The instruction set of this host, by Lambda's name."""

from __future__ import annotations

import platform

ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""``x86_64`` or ``arm64``, else what the kernel says."""
