"""Runtimes: what starts a function's first process, for each runtime identifier, with the official client of its language.

``contract`` is the border to drivers, ``catalogue`` finds a runtime by its identifier; a module a language says how it starts.
``building/`` makes runtimes on this host, apart from the daemon's own packages. Starting a runtime reads files and reaches no network.
"""
