"""Prediction and reference files from outside: each fault is one line that names the file, never a number."""

import json
import pickle

import numpy as np
import pytest

from sartext.cli import main
from sartext.core.errors import UserError
from sartext.evaluation import files

PAIRS = "image_id,text_id,caption\nb,t1,two ships\na,t2,a bridge\na,t3,the bridge\n"
GOOD = {
    "image_ids": np.array(["a", "b"]),
    "image_features": np.array([[1, 0], [0, 1]], np.float32),
    "text_ids": np.array(["t3", "t1", "t2"]),
    "text_features": np.array([[1, 0.1], [0.1, 1], [0.6, 0.5]], np.float32),
}
REFS = {
    "images": [{"id": "a"}, {"id": 7}],
    "annotations": [
        {"image_id": "a", "caption": "a ship"},
        {"image_id": 7, "caption": "a bridge"},
        {"image_id": 7, "caption": "one bridge"},
    ],
}
CAPTIONS = [{"image_id": "a", "caption": ""}, {"image_id": 7, "caption": "a bridge"}]
QUESTIONS = [
    {"question_id": 1, "image_id": "a", "question": "How many?", "type": "count", "answers": ["2"]},
    {"question_id": "q", "image_id": "a", "question": "Any?", "type": "presence", "answers": ["yes"]},
]
ANSWERS = [{"question_id": 1, "answer": "2"}, {"question_id": "q", "answer": ""}]


def without(arrays, *names):
    return {name: array for name, array in arrays.items() if name not in names}


def changed(**arrays):
    return {**GOOD, **arrays}


def run(capsys, *arguments) -> tuple[int, str]:
    """Run the command line; return its exit status and what stderr says."""
    status = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        status = end.code
    return status, capsys.readouterr().err


def expect_refusal(capsys, said, out, *arguments):
    status, error = run(capsys, *arguments, "--out", out)
    assert status == 2, error
    assert error.startswith("sartext: ")
    assert error.count("\n") == 1
    assert said in error
    assert not out.exists()


FEATURE_FAULTS = {
    "missing image": (
        changed(image_ids=np.array(["a"]), image_features=np.ones((1, 2), "f4")),
        "image 'b' of",
    ),
    "extra image": (
        changed(image_ids=np.array(["a", "b", "z"]), image_features=np.ones((3, 2), "f4")),
        "image 'z' is not in",
    ),
    "missing text": (changed(text_ids=np.array(["t1"]), text_features=np.ones((1, 2), "f4")), "text 't2' of"),
    "extra text": (
        changed(text_ids=np.array(["t1", "t2", "t3", "n-1"]), text_features=np.ones((4, 2), "f4")),
        "text 'n-1' is not in",
    ),
    "twice": (changed(image_ids=np.array(["a", "a"])), "'a' is there twice"),
    "nan": (changed(text_features=np.array([[1, 0], [np.nan, 1], [1, 1]], "f4")), "'t1' holds NaN"),
    "infinite": (changed(image_features=np.array([[1, np.inf], [1, 1]], "f4")), "'a' holds NaN or inf"),
    "too large": (changed(image_features=np.array([[1e300, 1], [1, 1]])), "'a' holds NaN or inf"),
    "zero": (changed(image_features=np.array([[1, 1], [0, 0]], "f4")), "'b' is all zeros"),
    "widths": (changed(text_features=np.ones((3, 3), "f4")), "2 wide and text_features 3"),
    "rows": (changed(text_features=np.ones((2, 2), "f4")), "2 rows for 3 ids"),
    "dimensions": (changed(image_features=np.ones(2, "f4")), "of 1 dimensions"),
    "integers": (changed(image_features=np.ones((2, 2), int)), "expected float32"),
    "no width": (changed(image_features=np.ones((2, 0), "f4")), "all zeros"),
    "bytes as ids": (changed(image_ids=np.array([b"a", b"b"])), "expected one of unicode strings"),
    "pickled ids": (changed(image_ids=np.array(["a", "b"], object)), "pickled objects"),
    "no array": (without(GOOD, "text_ids"), "no array 'text_ids'"),
    "empty id": (changed(image_ids=np.array(["a", ""])), "empty; expected an id"),
}


@pytest.mark.parametrize("fault", FEATURE_FAULTS)
def test_features_faults(fault, tmp_path, capsys):
    arrays, said = FEATURE_FAULTS[fault]
    (tmp_path / "pairs.csv").write_text(PAIRS)
    np.savez(tmp_path / "retrieval.npz", **arrays)
    command = (
        "score",
        "retrieval",
        "--pairs",
        tmp_path / "pairs.csv",
        "--features",
        tmp_path / "retrieval.npz",
    )
    expect_refusal(capsys, said, tmp_path / "score.json", *command)


def test_files_that_are_no_npz(tmp_path, capsys):
    (tmp_path / "pairs.csv").write_text(PAIRS)
    path = tmp_path / "retrieval.npz"
    command = ("score", "retrieval", "--pairs", tmp_path / "pairs.csv", "--features", path)
    expect_refusal(capsys, "no such file", tmp_path / "score.json", *command)
    path.write_bytes(pickle.dumps({"image_ids": ["a"]}))
    expect_refusal(capsys, "not a readable npz", tmp_path / "score.json", *command)
    np.savez(path, **GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    expect_refusal(capsys, "not a readable npz", tmp_path / "score.json", *command)
    path.write_bytes(whole.replace(b"(2, 2), }", b"(2,2**9)}"))
    expect_refusal(capsys, "not a readable npz", tmp_path / "score.json", *command)


def test_a_header_that_promises_more_than_the_file_holds(tmp_path):
    import io
    import zipfile

    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        huge, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)}
    )
    path = tmp_path / "retrieval.npz"
    np.savez(path, **without(GOOD, "image_features"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("image_features.npy", huge.getvalue())
    with pytest.raises(UserError, match="not that of its header"):
        files.read_features(path)


PAIRS_FAULTS = {
    "empty": ("image_id,text_id,caption\n", "empty test set"),
    "nothing": ("", "the columns are ''"),
    "columns": ("image,text,caption\na,t,x\n", "the columns are 'image,text,caption'"),
    "fields": (PAIRS + "a,t9\n", "line 5: 2 fields"),
    "twice": (PAIRS + "a,t1,again\n", "text_id 't1' is there twice"),
    "caption": (PAIRS + "a,t9,  \n", "line 5: caption: empty"),
    "id": (PAIRS + ",t9,x\n", "line 5: image_id: empty"),
    "quote": (PAIRS + 'a,t9,"x" y\n', "not valid CSV"),
    "latin": ((PAIRS + "a,t9,caf").encode() + b"\xe9\n", "not UTF-8 at byte"),
}


@pytest.mark.parametrize("fault", PAIRS_FAULTS)
def test_pairs_faults(fault, tmp_path, capsys):
    content, said = PAIRS_FAULTS[fault]
    (tmp_path / "pairs.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    np.savez(tmp_path / "retrieval.npz", **GOOD)
    command = (
        "score",
        "retrieval",
        "--pairs",
        tmp_path / "pairs.csv",
        "--features",
        tmp_path / "retrieval.npz",
    )
    expect_refusal(capsys, said, tmp_path / "score.json", *command)


def edit(value, path, new):
    """A deep copy of JSON with one place changed; ``...`` removes it."""
    copy = json.loads(json.dumps(value))
    here = copy
    for step in path[:-1]:
        here = here[step]
    if new is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = new
    return copy


CAPTION_FAULTS = {
    "missing": (REFS, CAPTIONS[:1], "image '7' of"),
    "extra": (REFS, [*CAPTIONS, {"image_id": "z", "caption": ""}], "image 'z' is not in"),
    "twice": (REFS, [*CAPTIONS, {"image_id": "7", "caption": ""}], "'7' is there twice"),
    "number": (REFS, edit(CAPTIONS, [0, "caption"], 3), "record 0: caption: 3 is not text"),
    "none": (REFS, edit(CAPTIONS, [0, "caption"], None), "None is not text"),
    "no field": (REFS, edit(CAPTIONS, [1, "caption"], ...), "record 1: the field 'caption' is missing"),
    "object": (REFS, {"a": "b"}, "expected a list"),
    "strings": (REFS, ["a"], "record 0: 'a' is not an object"),
    "true": (REFS, edit(CAPTIONS, [0, "image_id"], True), "True is not text"),
    "half": (REFS, edit(CAPTIONS, [0, "caption"], "\ud800"), "half a character"),
    "empty set": ({"images": [], "annotations": []}, [], "empty test set"),
    "no references": (edit(REFS, ["annotations", 0], ...), CAPTIONS, "image 'a' has no reference"),
    "unknown": (edit(REFS, ["annotations", 0, "image_id"], "z"), CAPTIONS, "'z' is not among 'images'"),
    "empty reference": (edit(REFS, ["annotations", 0, "caption"], " "), CAPTIONS, "expected a reference"),
    "form": ([1], CAPTIONS, "expected COCO caption form"),
    "image twice": (edit(REFS, ["images", 1, "id"], "a"), CAPTIONS, "image id 'a' is there twice"),
}


@pytest.mark.parametrize("fault", CAPTION_FAULTS)
def test_caption_faults(fault, tmp_path, capsys):
    references, captions, said = CAPTION_FAULTS[fault]
    (tmp_path / "refs.json").write_text(json.dumps(references))
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    command = ("--references", tmp_path / "refs.json", "--predictions", tmp_path / "captions.json")
    expect_refusal(capsys, said, tmp_path / "score.json", "score", "captioning", *command)


ANSWER_FAULTS = {
    "missing": (QUESTIONS, ANSWERS[:1], "question 'q' of"),
    "extra": (QUESTIONS, [*ANSWERS, {"question_id": "z", "answer": "no"}], "question 'z' is not in"),
    "twice": (QUESTIONS, [*ANSWERS, {"question_id": "q", "answer": "no"}], "'q' is there twice"),
    "number": (QUESTIONS, edit(ANSWERS, [0, "answer"], 2), "record 0: answer: 2 is not text"),
    "list": (QUESTIONS, edit(ANSWERS, [0, "answer"], ["2"]), "is not text"),
    "empty set": ([], [], "empty test set"),
    "no type": (edit(QUESTIONS, [0, "type"], ...), ANSWERS, "record 0: the field 'type' is missing"),
    "odd type": (edit(QUESTIONS, [0, "type"], "?"), ANSWERS, "names no type"),
    "no answers": (edit(QUESTIONS, [0, "answers"], []), ANSWERS, "one accepted answer or more"),
    "empty answer": (edit(QUESTIONS, [0, "answers"], ["."]), ANSWERS, "is empty; expected an answer"),
    "answer": (edit(QUESTIONS, [0, "answers"], [2]), ANSWERS, "answers: 2 is not text"),
}


@pytest.mark.parametrize("fault", ANSWER_FAULTS)
def test_answer_faults(fault, tmp_path, capsys):
    questions, answers, said = ANSWER_FAULTS[fault]
    (tmp_path / "questions.json").write_text(json.dumps(questions))
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    command = ("--questions", tmp_path / "questions.json", "--answers", tmp_path / "answers.json")
    expect_refusal(capsys, said, tmp_path / "score.json", "score", "vqa", *command)


@pytest.mark.parametrize("content", [b"\xff[", b"[1,", b"", b"[" * 100_000])
def test_answers_that_are_no_json(content, tmp_path, capsys):
    (tmp_path / "questions.json").write_text(json.dumps(QUESTIONS))
    (tmp_path / "answers.json").write_bytes(content)
    command = ("--questions", tmp_path / "questions.json", "--answers", tmp_path / "answers.json")
    expect_refusal(capsys, "answers.json: ", tmp_path / "score.json", "score", "vqa", *command)


def test_good_files_are_read(tmp_path):
    np.savez(tmp_path / "retrieval.npz", **changed(image_features=GOOD["image_features"].astype("f2")))
    features = files.read_features(tmp_path / "retrieval.npz")
    assert features.image_ids == ["a", "b"]
    assert features.image_features.dtype == np.float32
    (tmp_path / "pairs.csv").write_bytes(b"\xef\xbb\xbf" + PAIRS.replace("\n", "\r\n").encode())
    assert files.read_pairs(tmp_path / "pairs.csv")[0] == files.Pair("b", "t1", "two ships")
    (tmp_path / "refs.json").write_text(json.dumps(REFS))
    assert files.read_references(tmp_path / "refs.json") == {"a": ["a ship"], "7": ["a bridge", "one bridge"]}
