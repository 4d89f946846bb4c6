"""SAR-TEXT and the optical texts of stage 1: merged, cleaned, checked for leakage, asked about, counted."""

from sartext.dataset.build import build_sartext
from sartext.dataset.questions import questions_for
from sartext.dataset.stage1 import build_stage1

__all__ = ["build_sartext", "build_stage1", "questions_for"]
