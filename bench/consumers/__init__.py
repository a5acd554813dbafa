"""The other sides of queue measurements, each a program of its own."""
