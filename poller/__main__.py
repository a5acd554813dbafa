"""``python -m poller``: the command line."""

from poller.cli import main

main()
