"""Pure functions from predictions to scores: retrieval, captioning, VQA, and their intervals."""
