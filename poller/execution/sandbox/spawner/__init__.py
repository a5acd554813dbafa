"""A program: starts and ends the processes of all environments for the daemon. Standard library only.

It is a process of its own because it forks: a small single thread forks in a millisecond, may enter namespaces, and is the parent
whose end the kernel passes on to every environment. Its one argument is the descriptor of a SOCK_SEQPACKET socket. A message is a JSON
object, descriptors ride along.

A sandbox is held by a bubblewrap that has set everything up and waits, never to go on, in ``--block-fd``: it is process 1 of the
sandbox's process namespace. Processes enter beside it, so they may come and go (reset, extensions) while files stay, and nothing of
ours is needed inside. What entering takes the kernel gives to whoever owns the user namespace: no privileges.

Requests, ``id`` is repeated in the reply; a reply with ``error`` is a refusal, ``errno`` with it where the kernel refused, ``at`` with
it where a folder was refused:

* ``create`` (program, args: bubblewrap's, network: own or host, files: most in its /tmp): reply with ``pid``, the holder's, and, in a
  network of its own, a socket that listens at 127.0.0.1:9001 in it.
* ``start`` (holder or 0, argv, environment, folder, descriptors: numbers for those that came along, limits, cgroup, user or null,
  filter: for seccomp, hexadecimal, or ""): reply with ``pid`` once the process has become the program.
* ``socket`` (holder): reply with a TCP socket of the sandbox's network, not connected.
* ``clear`` (holder): ends all processes in a sandbox but its holder; reply when they were sent their end.
* ``signal`` (pid, number): to a process that was started, with its group; nothing if it has ended.

Unasked: ``{"ended": pid, "status": n}`` for processes and holders; n as waitpid tells it, negative for a signal.

What holds here:

1. Nobody waits for what a function can hold up. Whoever enters a sandbox of a daemon without privileges has the function's user there,
   and can be stopped or killed by it at any point: such work is a job with a deadline, and others go on meanwhile.
2. What enters a sandbox has closed all that is ours before; its memory, a copy of ours, is not dumpable.
3. Nothing a request meets ends the program: all other environments would end with it.
"""
