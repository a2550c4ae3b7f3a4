"""Where the files of a remote lie: a directory, a bucket, a server. One module for each kind of place."""
