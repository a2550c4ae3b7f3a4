"""What settings say: of remotes, of rules, of everything in `repro.yaml`."""
