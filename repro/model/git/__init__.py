"""What git says and takes, as values: hooks, pushed refs, line ends."""
