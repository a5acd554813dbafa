"""The Runtime API of one environment, as the service has it: an event is handed out, and its answer comes.

api.py: the calls. states.py: which of them may come when. handout.py: an event on its way. posted.py: what comes back, whole or in chunks.
answers.py: what that amounts to; stream.py: its way to a reader, as it comes, and bandwidth.py: at which pace. error_cause.py: what is
said beside an error.
"""

from poller.execution.runtime_api.answers import MAX_ANSWER, Answer
from poller.execution.runtime_api.api import RuntimeApi
from poller.execution.runtime_api.stream import MAX_STREAM, AnswerStream

__all__ = ["MAX_ANSWER", "MAX_STREAM", "Answer", "AnswerStream", "RuntimeApi"]
