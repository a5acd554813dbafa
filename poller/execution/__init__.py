"""Execution environments: the processes that functions run in, and the Runtime API they talk to.

Read contract.py first: what the engine asks of an environment, and of a driver that makes them. drivers.py chooses among three: process/,
container/, remote/; scripted.py is the one for tests. pool/ has the environments of a function, environment/ the life of one of them. What
its processes talk to: listener/ with runtime_api/, extensions/ and telemetry/; what they write: logs/. Several invocations at once:
concurrent/. Where they live and what they find there: sandbox/, runtimes/, package/, image/. failures.py has the platform's own answers.
"""
