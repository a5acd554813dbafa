"""One execution environment, wherever its processes live.

environment.py: its life, from INIT to SHUTDOWN; made of what parts.py puts together. serial.py: how events run in it, one at a time
(several at once: ``concurrent/``). init.py, processes.py: what is started, how it went, how it ends. premises.py: what a driver says of
where it lives; site.py: the box as it stands. startup.py, variables.py: a function's spec -> its commands. held.py: a runtime that was
started ahead and waits. companions.py: extensions. memory.py: limits, and the most there was. results.py: what an invocation comes to.
"""
