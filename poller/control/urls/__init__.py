"""Function URLs: HTTP requests that are invocations.

table.py: which URLs there are, and which of them a request is for. server.py: their ports. course.py: one request, from its URL's rules to
the answer; sending.py: answers on their way to the client, whole and as they come. replies.py: what is said in a function's place.
"""

from poller.control.urls.server import UrlServer
from poller.control.urls.table import Url, urls

__all__ = ["Url", "UrlServer", "urls"]
