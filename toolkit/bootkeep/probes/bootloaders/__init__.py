"""Boot loaders: their configuration as they will read it."""
