"""What every room shares: records, tables, configuration, files, errors, seeds and provenance."""
