"""The fixed benchmark: freeze it, predict on it, score predictions, write score files."""
