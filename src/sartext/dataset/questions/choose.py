"""Which of all that could be asked is asked, so that no question's words tell its answer.

Of each subject the answers are asked for equally often, as far as scenes can be found: of two (yes and no)
exactly so. Of more, the others are asked for at least 3/4 as often on the average as the most frequent, or
that one makes up 15% at most: large counts are rare, and if none were asked for more often than the rarest,
hardly a question would be left (GQA smooths its answers in this way: Hudson and Manning, CVPR 2019). A
subject with one answer is not asked.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from sartext.core.records import QUESTION_TYPES, QuestionType
from sartext.core.seeds import generator
from sartext.dataset.questions.candidates import Subject
from sartext.dataset.questions.wordings import FORMS

_LEAST_OTHERS = 0.75
_SMALL_SHARE = 0.15
Chosen = tuple[int, Subject, str, int]
"""The scene's number, the subject, the answer, and how many of this subject and answer were chosen before."""


def _largest_share(answers: int) -> float:
    """The largest share of a subject's questions that one of its answers may have."""
    if answers == 2:
        return 0.5
    return max(1 / (1 + _LEAST_OTHERS * (answers - 1)), _SMALL_SHARE)


class _Rooms:
    """How many questions each scene still takes."""

    def __init__(self, scenes: int, limit: int) -> None:
        self._limit = limit
        self._asked = [0] * scenes
        self._of_type = {kind: bytearray(scenes) for kind in QUESTION_TYPES}

    def full(self, scene: int) -> bool:
        return self._asked[scene] >= self._limit

    def free(self, scene: int, kind: QuestionType, most: int) -> bool:
        return self._of_type[kind][scene] < most

    def add(self, scene: int, kind: QuestionType) -> None:
        self._asked[scene] += 1
        self._of_type[kind][scene] += 1


class _Group:
    """One subject with the scenes that each of its answers could be asked of."""

    def __init__(
        self, subject: Subject, scenes: Mapping[str, Sequence[int]], names: tuple[str | int, ...]
    ) -> None:
        self.subject = subject
        self.kind: QuestionType = FORMS[subject[0]].type
        draw = generator("questions", *names, *subject)
        self._waiting = {
            answer: [own[index] for index in draw.permutation(len(own)).tolist()]
            for answer, own in sorted(scenes.items())
        }
        self._later: dict[str, list[int]] = {answer: [] for answer in self._waiting}
        self._taken = dict.fromkeys(self._waiting, 0)
        self._most = _largest_share(len(self._waiting))

    def again(self) -> None:
        """Look again at scenes that were passed over for having enough of this type."""
        for answer, scenes in self._later.items():
            self._waiting[answer] += scenes[::-1]
            scenes.clear()

    def _ready(self, rooms: _Rooms, most: int) -> list[str]:
        """The answers that the last of their waiting scenes has room for."""
        ready = []
        for answer, waiting in self._waiting.items():
            while waiting:
                scene = waiting[-1]
                if rooms.full(scene):
                    waiting.pop()
                elif rooms.free(scene, self.kind, most):
                    ready.append(answer)
                    break
                else:
                    self._later[answer].append(waiting.pop())
        return ready

    def turn(self, rooms: _Rooms, most: int) -> list[Chosen]:
        """Take a scene for each of the answers that were taken least; none if one became too frequent."""
        ready = self._ready(rooms, most)
        if not ready:
            return []
        least = min(self._taken[answer] for answer in ready)
        rarest = [answer for answer in ready if self._taken[answer] == least]
        top = max(*self._taken.values(), least + 1)
        if top > self._most * (sum(self._taken.values()) + len(rarest)):
            return []
        chosen = []
        for answer in rarest:
            scene = self._waiting[answer].pop()
            rooms.add(scene, self.kind)
            chosen.append((scene, self.subject, answer, least))
            self._taken[answer] += 1
        return chosen


def choose(
    candidates: Mapping[Subject, Mapping[str, Sequence[int]]],
    scenes: int,
    limit: int,
    names: tuple[str | int, ...],
) -> Iterator[Chosen]:
    """Choose what is asked.

    Types are asked equally often as far as they can be, subjects of a type in turn, and a scene gets a second
    question of a type only after all had a first.

    Args:
        candidates: by subject and answer, the scenes (by number, rising) that have this answer.
        scenes: how many there are.
        limit: most questions of a scene.
        names: of the draw, see `sartext.core.seeds.generator`.
    """
    rooms = _Rooms(scenes, limit)
    groups = [
        _Group(subject, answers, names) for subject, answers in sorted(candidates.items()) if len(answers) > 1
    ]
    asked = dict.fromkeys(QUESTION_TYPES, 0)
    for most in range(1, limit + 1):
        active: dict[QuestionType, deque[_Group]] = {}
        for group in groups:
            group.again()
            active.setdefault(group.kind, deque()).append(group)
        while active:
            kind = min(active, key=lambda name: asked[name])
            group = active[kind].popleft()
            chosen = group.turn(rooms, most)
            yield from chosen
            asked[kind] += len(chosen)
            if chosen:
                active[kind].append(group)
            elif not active[kind]:
                del active[kind]
