"""Files of this machine as bytes: copied, hashed, cut, flushed, shared. Nothing here knows of objects or remotes."""
