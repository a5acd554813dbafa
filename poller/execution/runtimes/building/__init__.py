"""How runtimes get onto a host: each language's own package client, or a root file system of a Debian suite; whole or not at all."""
