"""SAR-TEXT in the forms others read."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from sartext.core.files import atomic_folder, write_json
from sartext.core.records import SPLITS, Caption, Question, Scene
from sartext.dataset.questions.dialogues import conversation


def write_exports(
    folder: Path,
    scenes: Sequence[Scene],
    captions: Mapping[str, Sequence[Caption]],
    questions: Mapping[str, Sequence[Question]],
) -> None:
    """Write the exports of a data set as a whole: the folder is replaced, or left as it was.

    ``sartext.csv`` is the released form (``filepath,caption``) of the training split,
    ``captions_{split}.json`` COCO caption form, ``dialogues_{split}.json`` the released form of dialogues.
    Paths are those of the images as opened from the project's root.

    Args:
        folder: where to write.
        scenes: all scenes.
        captions: captions by scene id.
        questions: questions by scene id.
    """
    with atomic_folder(folder) as temporary:
        with (temporary / "sartext.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["filepath", "caption"])
            for scene in scenes:
                if scene.split == "train":
                    writer.writerows([scene.image, said.caption] for said in captions.get(scene.scene_id, ()))
        for split in SPLITS:
            chosen = [(number, scene) for number, scene in enumerate(scenes, start=1) if scene.split == split]
            said = [(number, one) for number, scene in chosen for one in captions.get(scene.scene_id, ())]
            write_json(
                temporary / f"captions_{split}.json",
                {
                    "images": [
                        {
                            "id": number,
                            "file_name": scene.image,
                            "width": scene.width,
                            "height": scene.height,
                            "scene_id": scene.scene_id,
                        }
                        for number, scene in chosen
                    ],
                    "annotations": [
                        {"id": place, "image_id": number, "caption": one.caption, "branch": one.branch}
                        for place, (number, one) in enumerate(said, start=1)
                    ],
                },
            )
            write_json(
                temporary / f"dialogues_{split}.json",
                [
                    {
                        "id": scene.scene_id,
                        "image": scene.image,
                        "conversations": conversation(questions[scene.scene_id]),
                    }
                    for _, scene in chosen
                    if questions.get(scene.scene_id)
                ],
            )
