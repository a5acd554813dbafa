"""The Runtime API of one environment, as the service has it: an event is handed out, and its answer comes.

api.py: the calls. states.py: which of them may come when. handout.py: an event on its way. posted.py: what comes back, whole or in chunks.
answers.py: what that amounts to; bandwidth.py: the pace at which a stream of it is read. error_cause.py: what is said beside an error.
"""

from poller.execution.runtime_api.answers import MAX_ANSWER, Answer
from poller.execution.runtime_api.api import RuntimeApi

__all__ = ["MAX_ANSWER", "Answer", "RuntimeApi"]
