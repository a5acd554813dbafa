"""Side-by-side measurements: ours, a bare client, peers, alternating in one run on one machine. See README.md."""
