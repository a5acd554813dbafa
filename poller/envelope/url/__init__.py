"""HTTP on its way to a function behind a URL, and back. Pure.

event.py: a request becomes an event. answer.py: what a function said becomes an answer; prelude.py: the same of a streamed one, whose
head comes before its body. cors.py: what web pages of other origins are told.
"""
