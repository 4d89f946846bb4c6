"""Two-stage training with DeepSpeed: one loop for all three models; recipes; checkpoints and resume.

torch and DeepSpeed are imported when training starts, not with this package.
"""

from sartext.training.runs import train

__all__ = ["train"]
