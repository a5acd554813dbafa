"""Functions as processes of this host, each environment in a sandbox where there is one.

driver.py: what a function needs here, and its environments. host.py: where those live. spares.py: some prepared ahead.
"""

from poller.execution.process.driver import ProcessDriver

__all__ = ["ProcessDriver"]
