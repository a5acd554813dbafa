"""Environments that run several invocations at once (Lambda DG, Lambda Managed Instances): the client asks for as many as it can bear.

invocations.py: the course of them, where it differs from one at a time. api.py: the Runtime API. log.py: the log, in which lines say
themselves whose they are. environment.py puts them together. Nothing here is on the way of an invocation of any other function.
"""
