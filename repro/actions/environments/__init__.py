"""Lock, make, check, compare and archive environments."""
