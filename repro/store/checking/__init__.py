"""What a check looks at in packs and indexes, here and far."""
