"""Redis and Valkey: streams with consumer groups, lists as reliable queues, pub/sub.

Three sources on one way of connecting. What one source touches lies in one hash slot, so that a cluster is no more than the question
which node has that slot, and Sentinel the question which server is the master: then all is one plain client of one server.
"""
