"""Queues and streams inside the daemon's own process. Start with ``queue.py``, the connector to imitate."""
