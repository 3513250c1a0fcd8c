"""Configuration files, and which package they came from."""
