"""A function that takes more memory than it may have before it was asked anything."""

import time

held = bytearray(400 * 1024 * 1024)
time.sleep(8)
