r"""The wildcard operator: ``*`` stands for any run of characters, also an empty one; ``\*`` and ``\\`` for themselves.

Not a regular expression: with several ``*`` those take time that grows as a power of the text's length, and the text
is a stranger's. Here each fixed piece is looked for once, from left to right, which is enough because a piece found
earlier leaves more room for the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from poller.pipeline.filter.error import FilterError

MAX_COMPLEXITY = 10
"""EventBridge refuses ``*:*:*:*:*:event-bus/*``, which counts 11 by ``complexity``; the guide gives no figure."""

LOOKAHEAD = 64
"""Characters of a fixed piece that ``complexity`` looks at: bounds its time, and repetitions show sooner than that."""


def wildcard(pattern: str) -> Callable[[str], bool]:
    """Return the test of one pattern. Raises ``FilterError`` for ``**``, a stray backslash, and what EventBridge calls too complex."""
    first, *pieces = split(pattern)
    if not pieces:
        return first.__eq__
    if complexity(pieces) > MAX_COMPLEXITY:
        raise FilterError(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"
        )
    *middle, last = pieces
    least = len(first) + len(last)

    def fits(text: str) -> bool:
        if len(text) < least or not text.startswith(first) or not text.endswith(last):
            return False
        start, end = len(first), len(text) - len(last)
        for piece in middle:
            start = text.find(piece, start, end)
            if start < 0:
                return False
            start += len(piece)
        return True

    return fits


def split(pattern: str) -> list[str]:
    """Fixed pieces between the wildcards, escapes resolved: always one more than there are wildcards."""
    pieces = [""]
    index = 0
    while index < len(pattern):
        character, following = pattern[index], pattern[index + 1 : index + 2]
        # Positions are counted as the engine does, which has put a quotation mark before the text.
        if character == "*" and following == "*":
            raise FilterError(f"Consecutive wildcard characters at pos {index + 1}")
        if character == "\\" and following not in {"*", "\\"}:
            raise FilterError(f"Invalid escape character at pos {index + 1}")
        if character == "*":
            pieces.append("")
        else:
            pieces[-1] += following if character == "\\" else character
        index += 2 if character == "\\" else 1
    return pieces


def complexity(pieces: list[str]) -> int:
    """How many beginnings of the pattern one text can have matched at the same time, at worst (event-ruler, MachineComplexityEvaluator).

    pieces: those after a wildcard. Each wildcard once reached stays reached; the rest are beginnings of pieces, and
    all that hold at once are endings of the longest of them. The last piece ends in the text's closing quotation
    mark.
    """
    ends = [*(piece.encode(errors="surrogatepass")[:LOOKAHEAD] for piece in pieces[:-1])]
    ends.append((pieces[-1] + '"').encode(errors="surrogatepass")[:LOOKAHEAD])
    beginnings = Counter(piece[:size] for piece in ends for size in range(1, len(piece) + 1))
    together = (sum(beginnings[longest[cut:]] for cut in range(len(longest))) for longest in beginnings)
    return len(pieces) + max(together, default=0)
