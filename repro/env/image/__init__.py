"""Environments of kind image: container images, built, pinned, fetched and run by Docker or Podman."""
