"""Package databases."""
