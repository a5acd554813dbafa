"""What is wrong with a filter pattern."""


class PatternError(ValueError):
    """A pattern that is not understood. The message is a sentence."""
