"""Questions and answers about scenes, from their boxes and their land cover.

Six types, as the paper's SAR-VQA is scored by question type (the types themselves are inferred). What an
annotation does not settle is not asked (`facts`), and answers are balanced over the scenes of a source's
split (`choose`): the paper does not say how its questions were drawn.
"""

from collections.abc import Callable, Sequence, Set

from sartext.core.records import Question, Scene
from sartext.core.seeds import generator
from sartext.dataset.questions.candidates import Subject, candidates
from sartext.dataset.questions.choose import choose
from sartext.dataset.questions.facts import known_of
from sartext.dataset.questions.wordings import FORMS, worded

Classes = tuple[Sequence[str] | None, Sequence[str] | None]
"""The classes that were looked for as objects and as land cover; None where a source does not say."""


def ask(
    scenes: Sequence[Scene],
    limit: int,
    seed: int,
    classes: Callable[[Scene], Classes],
    unsure: Set[str] = frozenset(),
) -> dict[str, list[Question]]:
    """Return up to `limit` questions about each scene, with answers in lower case.

    Answers are balanced within each source's split, so that the questions of one change with no other's
    scenes; the order of the scenes does not matter.

    Args:
        scenes: the scenes that are kept; their boxes and cover are what is known of them.
        limit: most questions of a scene.
        seed: decides what is asked and in which words.
        classes: the classes that were looked for in a scene: only of these can one be absent.
        unsure: scenes into which a neighbour's object may reach (see `reached`, of all that were ingested).

    Returns:
        Questions of mixed types by scene id, ids ``SCENE_ID#1`` and so on; no question of a scene of which
        nothing can be asked.

    Raises:
        UserError: a class of a scene has no name.
    """
    parts: dict[tuple[str, str], list[Scene]] = {}
    for scene in sorted(scenes, key=lambda one: one.scene_id):
        parts.setdefault((scene.source, scene.split), []).append(scene)
    asked: dict[str, list[Question]] = {scene.scene_id: [] for scene in scenes}
    for (source, split), own in parts.items():
        _ask_part(own, limit, (seed, source, split), classes, unsure, asked)
    return asked


def _ask_part(
    scenes: Sequence[Scene],
    limit: int,
    names: tuple[str | int, ...],
    classes: Callable[[Scene], Classes],
    unsure: Set[str],
    asked: dict[str, list[Question]],
) -> None:
    possible: dict[Subject, dict[str, list[int]]] = {}
    for number, scene in enumerate(scenes):
        known = known_of(scene, *classes(scene), reached=scene.scene_id in unsure)
        for subject, answer in candidates(known):
            possible.setdefault(subject, {}).setdefault(answer, []).append(number)
    starts: dict[tuple[str, ...], int] = {}
    for number, subject, answer, position in choose(possible, len(scenes), limit, names):
        form = FORMS[subject[0]]
        # two answers share their words in turn; each of more answers goes through all words from a start of
        # its own, or the rare ones would share one wording
        key = subject if len(possible[subject]) == 2 else (*subject, answer)
        if key not in starts:
            starts[key] = int(generator("question words", *names, *key).integers(form.variants))
        question, told = worded(subject, answer, (starts[key] + position) % form.variants)
        scene_id = scenes[number].scene_id
        own = asked[scene_id]
        own.append(Question(f"{scene_id}#{len(own) + 1}", scene_id, form.type, question, told))
