"""What is told of SAR-TEXT: statistics, datasheet, Croissant metadata."""
