"""Which images are the same, overlap, or show one place: duplicates, leaks, and the audit of the built sets."""
