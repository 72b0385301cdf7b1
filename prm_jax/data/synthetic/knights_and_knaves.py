"""Knights and knaves: knights always tell the truth, knaves always lie, and people talk about each
other.

The state is what is established, (person, kind) pairs in the order in which it was found out. An
operation is a `Clue`: what somebody says, and whom it settles. A step supposes that the person is
of the other kind and finds a contradiction. One person is known at the start, and each clue needs
the person settled just before, so that there is one chain of deductions. Harder levels have more
people and statements about two of them.
"""

from typing import NamedTuple

from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)
from prm_jax.data.synthetic.statements import KINDS, OTHER, Statement, holds, misquoted, worded

NAMES = ("Ava", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana")
# Forms of statements about two people, by level.
ALL_PAIRS = ("same", "different", "and", "or")
PAIRS = {1: (), 2: ALL_PAIRS[:2], 3: ALL_PAIRS, 4: ALL_PAIRS}
DISTRACTOR_RATE = 0.5
PHRASES = (
    "Knights always tell the truth and knaves always lie. {known} is known to be a {kind}. {said} "
    "{aside}Who are the knights, in alphabetical order?",
    "On an island live knights, who never lie, and knaves, who always do. We know that {known} is "
    "a {kind}. {aside}{said} Name all knights in alphabetical order.",
    "{aside}Everyone here is a knight, always truthful, or a knave, always lying. {known} is "
    "certainly a {kind}. {said} List the knights in alphabetical order.",
)
SAYINGS = ('{} says: "{}."', "{} claims that {}.", "According to {}, {}.")
ASIDES = (
    "",
    "{} has lived here for years. ",
    "{} is the tallest of them. ",
    "{} arrived yesterday by boat. ",
)
STEPS = (
    'Suppose {person} is a {assumed}. Then the words of {speaker}, "{quote}", would be {truth}, '
    "from a {speaks_as}. That cannot be, so {person} is a {kind}. Known: {known}.",
    "If {person} were a {assumed}, then {speaker}, a {speaks_as}, would say something {truth}: "
    '"{quote}". Impossible, so {person} is a {kind}. This gives {known}.',
    "Can {person} be a {assumed}? No: {speaker} would be a {speaks_as} whose statement "
    '"{quote}" is {truth}. Hence {person} is a {kind}. Now {known}.',
)
CLAUSE = (
    "if {person} were a {assumed}, the {speaks_as} {speaker} would say something {truth}, "
    '"{quote}", so {person} is a {kind} and we have {known}'
)


class Clue(NamedTuple):
    """What somebody says, and the person that it settles."""

    speaker: str
    statement: Statement
    person: str


class Reason(NamedTuple):
    """What a step says to settle a person.

    Fields:
        clue: who said what about whom, as the step has it.
        assumed: the kind that leads to a contradiction.
        speaks_as: the speaker's kind if that is assumed.
        truth: whether the statement would be true.
        kind: what the step concludes the person to be.
    """

    clue: Clue
    assumed: str
    speaks_as: str
    truth: bool
    kind: str


class KnightsAndKnaves(Family):
    """The family of knights and knaves."""

    name = "knights_and_knaves"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.MISJUDGED_STATEMENT: 1.0,
        ErrorKind.MISQUOTED: 1.0,
        ErrorKind.MISATTRIBUTED: 0.5,
        ErrorKind.KEPT_ASSUMPTION: 1.0,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        people = [str(name) for name in rng.permutation(NAMES)[: n_operations + 1]]
        kinds = {person: choose(rng, KINDS) for person in people}
        silent, clues = [people[0]], []
        for place in range(1, len(people)):
            clues.append(_draw_clue(rng, people, place, kinds, silent, PAIRS[level]))
            silent.append(people[place])
            silent.remove(clues[-1].speaker)
        extra = [
            _draw_distractor(rng, speaker, people[-2], people[-1], kinds)
            for speaker in silent
            if rng.random() < DISTRACTOR_RATE
        ]
        start = ((people[0], kinds[people[0]]),)
        return Problem(start, tuple(clues), question=tuple(extra))

    def key(self, problem):
        said = [*((clue.speaker, clue.statement) for clue in problem.operations), *problem.question]
        person, kind = problem.start[0]
        return "; ".join((f"{person} {kind}", *sorted(f"{s}: {worded(what)}" for s, what in said)))

    def move(self, problem, index, state):
        return _deduce(problem.operations[index], state)

    def corrupt(self, rng, kind, problem, index, state):
        clue = problem.operations[index]
        right = _deduce(clue, state)
        if right is None:
            return None
        reason, established = right.operation, dict(state)
        # A right look at the right kind finds no contradiction: it takes a mistake to see one.
        tempted = _reason(clue, established, reason.kind)
        match kind:
            case ErrorKind.MISJUDGED_STATEMENT:
                return _settle(state, tempted._replace(truth=not tempted.truth))
            case ErrorKind.WRONG_OPERAND if clue.speaker != clue.person:
                return _settle(state, tempted._replace(speaks_as=OTHER[tempted.speaks_as]))
            case ErrorKind.KEPT_ASSUMPTION:
                return _settle(state, reason._replace(kind=reason.assumed))
            case ErrorKind.MISQUOTED:
                wrong = _deduce(clue._replace(statement=misquoted(clue.statement)), state)
            case ErrorKind.MISATTRIBUTED:
                others = [name for name in established if name != clue.speaker]
                other = choose(rng, others) if others else clue.speaker
                wrong = _deduce(clue._replace(speaker=other), state)
            case ErrorKind.COPIED_WRONG_VALUE:
                person = choose(rng, list(established))
                established[person] = OTHER[established[person]]
                return Move(state, reason, (*established.items(), (clue.person, reason.kind)))
            case _:
                return None
        return wrong if wrong is not None and wrong.result != right.result else None

    def answer(self, problem, state):
        return ", ".join(sorted(person for person, kind in state if kind == "knight")) or "nobody"

    def misread(self, rng, problem, state):
        wrong = dict(state)
        person = choose(rng, list(wrong))
        wrong[person] = OTHER[wrong[person]]
        return self.answer(problem, wrong.items())

    def ask(self, rng, problem):
        said = [*((clue.speaker, clue.statement) for clue in problem.operations), *problem.question]
        saying = choose(rng, SAYINGS)
        texts = [saying.format(said[i][0], worded(said[i][1])) for i in rng.permutation(len(said))]
        known, kind = problem.start[0]
        return choose(rng, PHRASES).format(
            known=known,
            kind=kind,
            said=" ".join(texts),
            aside=choose(rng, ASIDES).format(choose(rng, problem.operations).person),
        )

    def say(self, move, style):
        return _said(move, STEPS[style])

    def clause(self, move):
        return _said(move, CLAUSE)

    def conclude(self, answer):
        return answer


def _said(move, text):
    clue, assumed, speaks_as, truth, kind = move.operation
    return text.format(
        person=clue.person,
        speaker=clue.speaker,
        quote=worded(clue.statement),
        assumed=assumed,
        speaks_as=speaks_as,
        truth="true" if truth else "false",
        kind=kind,
        known=", ".join(f"{person} {what}" for person, what in move.result),
    )


def _reason(clue, established, assumed):
    """What follows from an assumption about the person whom the clue is to settle."""
    supposed = {**established, clue.person: assumed}
    truth = holds(clue.statement, supposed)
    return Reason(clue, assumed, supposed[clue.speaker], truth, OTHER[assumed])


def _deduce(clue, state):
    """The step that a clue allows, None if it does not settle the person."""
    reasons = [_reason(clue, dict(state), assumed) for assumed in KINDS]
    absurd = [reason for reason in reasons if reason.truth != (reason.speaks_as == "knight")]
    return _settle(state, absurd[0]) if len(absurd) == 1 else None


def _settle(state, reason):
    return Move(state, reason, (*state, (reason.clue.person, reason.kind)))


def _draw_clue(rng, people, place, kinds, silent, pairs):
    """A clue that settles the person at `place` and that nobody could use before.

    Args:
        rng: numpy generator.
        people: all of them, in the order in which they are settled.
        place: of the person to settle.
        kinds: kind of each person.
        silent: settled people who have not said anything yet.
        pairs: forms of statements about two people.
    """
    person, before = people[place], people[place - 1]
    speakers = [name for name in (person, *silent) if pairs or name in (person, before)]
    speaker = choose(rng, speakers)
    truthful = kinds[speaker] == "knight"
    if speaker == before:
        return Clue(speaker, _said_of(person, kinds, truthful), person)
    if speaker == person:
        others = people[: place - 1]
        if not (pairs and others and rng.random() < 0.5):
            return Clue(speaker, _said_of(before, kinds, truthful), person)
        about = (before, choose(rng, others))
        return Clue(speaker, _same_or_different(*about, kinds, truthful), person)
    # Only a liar's "and" and an honest "or" need the person before.
    form = "or" if truthful else "and"
    if form in pairs and rng.random() < 0.4:
        first = (before, OTHER[kinds[before]] if truthful else kinds[before])
        second = (person, kinds[person] if truthful else OTHER[kinds[person]])
        parts = (first, second) if rng.random() < 0.5 else (second, first)
        return Clue(speaker, Statement(form, parts), person)
    return Clue(speaker, _same_or_different(before, person, kinds, truthful), person)


def _draw_distractor(rng, speaker, before, last, kinds):
    """A statement that settles nobody before the last person."""
    truthful = kinds[speaker] == "knight"
    if speaker in (before, last):
        return speaker, _said_of(last if speaker == before else before, kinds, truthful)
    pair = (before, last) if rng.random() < 0.5 else (last, before)
    return speaker, _same_or_different(*pair, kinds, truthful)


def _said_of(person, kinds, truthful):
    return Statement("is", ((person, kinds[person] if truthful else OTHER[kinds[person]]),))


def _same_or_different(first, second, kinds, truthful):
    same = (kinds[first] == kinds[second]) == truthful
    return Statement("same" if same else "different", ((first, ""), (second, "")))
