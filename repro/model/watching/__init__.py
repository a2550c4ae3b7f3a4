"""What a watched run read and made, as the means of watching tell it, and what a sandbox shows."""
