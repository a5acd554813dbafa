"""Telemetry of one environment: records of what happens in it, and their delivery to extensions that subscribed.

facts.py: what is told. records.py: the same as the service words it, by schema. subscription.py: who wants what. buffer.py: what waits.
delivery.py: one payload on its way. subscriber.py: one extension's share of all of it. api.py: the two APIs, and the driver's side.
"""
