"""Event source mappings by the API.

fields.py has AWS's members beside our keys, sources.py ARNs beside source blocks, mappings.py the operations.
"""

from poller.control.api.mappings.mappings import Mappings

__all__ = ["Mappings"]
