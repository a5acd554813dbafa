"""Shared by functions through a layer: `import money` finds it, because /opt/python is on the path of Python functions."""  # noqa: INP001 - as a layer has it


def euros(cents: int) -> str:
    """Return an amount as people write it."""
    return f"{cents / 100:,.2f} EUR"
