"""The life of one execution environment.

environment.py: INIT, INVOKE after INVOKE, reset, SHUTDOWN. startup.py, variables.py: what is started, and what it finds there. held.py: a
runtime that was started ahead and waits. companions.py: the extensions. memory_watch.py: limits that the kernel does not keep.
"""
