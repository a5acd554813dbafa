"""Folders of the host that a function may write to."""

from __future__ import annotations

from pathlib import Path

from tests.unit.settings.pretended import Write, complaints

FILE_SYSTEMS = """\
functions:
  orders:
    code: ./code
    runtime: python3.11
    handler: app.handler
    file_system_configs:
      - {path: ./code, local_mount_path: /mnt/a}
      - {path: ./nowhere, local_mount_path: /mnt/a}
"""


def test_a_file_system_is_a_folder_that_is_there_at_a_place_of_its_own(tmp_path: Path, write: Write) -> None:
    nowhere = f"there is no folder {tmp_path / 'nowhere'}; make it; functions must be able to write there"
    at = "functions.orders.file_system_configs[1]"
    assert complaints(write(FILE_SYSTEMS)) == [
        f"pollerd.yaml:8:10: {at}.path: {nowhere}",
        f"pollerd.yaml:8:27: {at}.local_mount_path: /mnt/a is taken; name another one",
    ]
