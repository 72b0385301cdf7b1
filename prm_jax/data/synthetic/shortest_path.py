"""Dijkstra's algorithm on a small graph: one node is settled a step, with the time of arrival.

The state is the settled nodes with their times, in the order of settling; at the start that is the
source alone. Each operation settles the nearest node, of several equally near ones the first by
alphabet; a move says which one, the node it is reached from, its time, the length of the edge and
the time of the node before it. Asked is the time of the last node. Harder levels have more edges.
The source has a time of two digits, for else sums that begin at the source could be told by length.
"""

import dataclasses

from prm_jax.data.synthetic.arithmetic import miscopied
from prm_jax.data.synthetic.asides import with_aside
from prm_jax.data.synthetic.family import (
    COMPOSITE_WEIGHTS,
    ErrorKind,
    Family,
    Move,
    Problem,
    choose,
)


@dataclasses.dataclass(frozen=True)
class GraphProblem(Problem):
    """A problem with the edges of its graph, each (node, node, length) with nodes in order."""

    edges: tuple[tuple[str, str, int], ...] = ()


# Edges of a level beyond those of a tree; ranges of lengths and of the time at the start.
EXTRA = {1: 5, 2: 6, 3: 8, 4: 10}
EDGES = (11, 40)
TIMES = (10, 20)
N_NODES = 9
NODES = "ABCDEFGHJKLM"
RANKS = {2: "2nd", 3: "3rd"}
PHRASES = (
    "The roads between towns take, in minutes: {edges}. We leave {start} at minute {time}. Find "
    "the {rank} nearest town by Dijkstra's algorithm, of equally near ones the first by alphabet. "
    "At which minute can we be there?",
    "A graph has the edges {edges}. By Dijkstra's algorithm with source {start}, which counts "
    "{time} itself, and ties by alphabet, what does the {rank} nearest node count?",
    "Edges: {edges}. A signal starts at {start} at time {time}. Settle one node after the other, "
    "ties by alphabet. At which time is the {rank} nearest reached?",
)
STEPS = (
    "Settle {1} from {0}: {4} + {3} = {2}. Settled: {5}.",
    "The nearest is {1}, {4} + {3} = {2} over {0}. Settled: {5}.",
    "From {0} we reach {1} at {4} + {3} = {2}. Settled: {5}.",
)


class ShortestPath(Family):
    """The family of shortest paths."""

    name = "shortest_path"
    n_step_styles = len(STEPS)
    weights = {
        ErrorKind.SLIP: 1.0,
        ErrorKind.WRONG_OPERAND: 1.0,
        ErrorKind.NOT_NEAREST: 1.5,
        ErrorKind.MISSED_SHORTCUT: 1.0,
        ErrorKind.DROPPED_CARRY: 0.7,
        ErrorKind.COPIED_WRONG_VALUE: 1.5,
        **COMPOSITE_WEIGHTS,
    }

    def draw(self, rng, level, n_operations):
        nodes = sorted(NODES[i] for i in rng.permutation(len(NODES))[:N_NODES])
        order = [nodes[i] for i in rng.permutation(N_NODES)]
        pairs = {(choose(rng, order[:i]), order[i]) for i in range(1, N_NODES)}
        pairs = {tuple(sorted(pair)) for pair in pairs}
        while len(pairs) < N_NODES - 1 + EXTRA[level]:
            pairs.add(tuple(nodes[i] for i in sorted(rng.permutation(N_NODES)[:2].tolist())))
        edges = tuple((*pair, int(rng.integers(*EDGES))) for pair in sorted(pairs))
        return GraphProblem(
            ((order[0], int(rng.integers(*TIMES))),), (None,) * n_operations, edges=edges
        )

    def key(self, problem):
        edges = " ".join(f"{a}{b}{length}" for a, b, length in problem.edges)
        return f"{edges} from {problem.start[0]} to number {len(problem.operations)}"

    def move(self, problem, index, state):
        return _move(state, *_reachable(problem.edges, state)[0])

    def corrupt(self, rng, kind, problem, index, state):
        reachable = _reachable(problem.edges, state)
        nearest = reachable[0]
        true = _move(state, *nearest)
        distance, node, via, length = nearest
        base = distance - length
        result = true.result
        match kind:
            case ErrorKind.SLIP:
                distance += choose(rng, (-10, -2, -1, 1, 2, 10))
            case ErrorKind.DROPPED_CARRY if base % 10 + length % 10 > 9:
                distance -= 10
            case ErrorKind.WRONG_OPERAND:
                length = choose(rng, [edge[2] for edge in problem.edges])
                distance = base + length
            case ErrorKind.NOT_NEAREST:
                others = [claim for claim in reachable if claim[1] != node]
                if not others:
                    return None
                shortest = min(others, key=lambda claim: claim[3])
                distance, node, via, length = choose(rng, (shortest, choose(rng, others)))
            case ErrorKind.MISSED_SHORTCUT:
                others = [claim for claim in reachable[1:] if claim[1] == node]
                if not others:
                    return None
                distance, node, via, length = choose(rng, others)
            case ErrorKind.COPIED_WRONG_VALUE:
                result = _miscopied(rng, result)
            case _:
                return None
        if kind != ErrorKind.COPIED_WRONG_VALUE:
            result = _settled(state, distance, node)
        wrong = Move(state, (via, node, distance, length, dict(state)[via]), result)
        fits = wrong.result != true.result and len(self.clause(wrong)) == len(self.clause(true))
        return wrong if fits else None

    def answer(self, problem, state):
        return str(state[-1][1])

    def misread(self, rng, problem, state):
        distance = state[-1][1]
        others = [d for _, d in state if d != distance and len(str(d)) == len(str(distance))]
        return str(choose(rng, [*others, miscopied(rng, distance)]))

    def ask(self, rng, problem):
        edges = [f"{a}-{b} {n}" for a, b, n in problem.edges]
        text = choose(rng, PHRASES).format(
            edges=", ".join(edges[i] for i in rng.permutation(len(edges))),
            start=problem.start[0][0],
            time=problem.start[0][1],
            rank=RANKS.get(len(problem.operations), f"{len(problem.operations)}th"),
        )
        return with_aside(rng, text)

    def say(self, move, style):
        return STEPS[style].format(*move.operation, _listed(move.result))

    def clause(self, move):
        via, node, distance, length, base = move.operation
        listed = _listed(move.result)
        return f"{via} to {node} makes {base} + {length} = {distance}, settled are {listed}"

    def conclude(self, answer):
        return answer


def _reachable(edges, settled):
    """(distance, node, settled node before it, length of the edge), the nearest first."""
    distances = dict(settled)
    found = []
    for a, b, length in edges:
        for via, node in ((a, b), (b, a)):
            if via in distances and node not in distances:
                found.append((distances[via] + length, node, via, length))
    return sorted(found)


def _settled(settled, distance, node):
    return (*settled, (node, distance))


def _move(settled, distance, node, via, length):
    operation = (via, node, distance, length, dict(settled)[via])
    return Move(settled, operation, _settled(settled, distance, node))


def _miscopied(rng, settled):
    """The list with one earlier distance miscopied, or with those of two nodes exchanged."""
    place = int(rng.integers(1, len(settled))) if len(settled) > 2 else 1
    if place > 1 and rng.random() < 0.5:
        (a, m), (b, n) = settled[place - 1 : place + 1]
        return (*settled[: place - 1], (a, n), (b, m), *settled[place + 1 :])
    node, distance = settled[place]
    return (*settled[:place], (node, miscopied(rng, distance)), *settled[place + 1 :])


def _listed(settled):
    return ", ".join(f"{node} {distance}" for node, distance in settled)
