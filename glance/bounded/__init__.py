"""Templates that are not trusted: a sandbox in which all that one of them uses up is counted, for cards and value templates alike."""
