"""Functions that run elsewhere, invoked through Lambda's own operation.

driver.py: environments as places at a server. server.py: one request to it, and how it does. answer.py: what its answer says of the
invocation; stream.py: one that comes in pieces. signature.py: how requests to AWS are signed.
"""

from poller.execution.remote.driver import RemoteDriver

__all__ = ["RemoteDriver"]
