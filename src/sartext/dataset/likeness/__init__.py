"""Which images are the same, overlap, or show one place: duplicates, leaks, the audit of the built sets."""
