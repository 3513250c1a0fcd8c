"""Facts: frozen, typed values. They import nothing of ours and touch nothing."""
