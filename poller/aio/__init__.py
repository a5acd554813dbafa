"""Asyncio helpers that know no word of the domain: stopping, owned tasks, the clock, delays."""
