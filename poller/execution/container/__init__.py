"""Functions from images that a container engine runs, Docker or Podman; start with driver.py."""
