"""SAR-TEXT Bench: narrate SAR images, build SAR-TEXT, train in two stages, compare on fixed benchmarks."""

__version__ = "0.1.0"
