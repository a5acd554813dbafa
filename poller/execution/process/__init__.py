"""Functions as processes of this host. driver.py: what a function needs here, and its environments. spares.py: some prepared ahead."""

from poller.execution.process.driver import ProcessDriver

__all__ = ["ProcessDriver"]
