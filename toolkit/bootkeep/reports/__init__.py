"""Document model and its renderings."""
