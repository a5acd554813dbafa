"""Environments that run several invocations at once (Lambda DG, Lambda Managed Instances): the client asks for as many as it can bear.

environment.py: the life of one, where it differs from the life of an environment that runs one at a time. api.py: its Runtime API. log.py:
its log, in which lines say themselves whose they are. Nothing here is on the way of an invocation of any other function.
"""
