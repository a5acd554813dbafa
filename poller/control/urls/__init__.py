"""Function URLs: HTTP requests that are invocations.

door.py: the URLs of a daemon, as they are configured at the time. table.py: which of them a request is for. server.py: their ports.
course.py: one request, from its URL's rules to the answer; signatures.py: who signed it; sending.py: answers on their way to the client,
whole and as they come. replies.py: what is said in a function's place.
"""

from poller.control.urls.door import UrlDoor
from poller.control.urls.signatures import Signatures
from poller.control.urls.table import Url, urls

__all__ = ["Signatures", "Url", "UrlDoor", "urls"]
