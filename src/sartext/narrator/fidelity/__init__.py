"""Fidelity of captions: facts said against facts that are true (see `sartext.narrator.fidelity.score`)."""

from sartext.narrator.fidelity.run import measure_fidelity
from sartext.narrator.fidelity.score import (
    KINDS,
    SHARE_TOLERANCE,
    FidelityScore,
    Tally,
    Truth,
    score_captions,
    share_holds,
    tally_scene,
    truth_of_record,
    truth_of_scene,
)

__all__ = [
    "KINDS",
    "SHARE_TOLERANCE",
    "FidelityScore",
    "Tally",
    "Truth",
    "measure_fidelity",
    "score_captions",
    "share_holds",
    "tally_scene",
    "truth_of_record",
    "truth_of_scene",
]
