"""Checker of shortest paths."""

import re

from prm_jax.data.synthetic.checkers.judge import Claim

EDGE = re.compile(r"\b([A-Z])-([A-Z]) (\d+)")
LIST = r"(?P<list>(?:[A-Z] \d+(?:, )?)+)"
SOURCE = re.compile(
    r"We leave ([A-Z]) at minute (\d+)|with source ([A-Z]), which counts (\d+)"
    r"|starts at ([A-Z]) at time (\d+)"
)
RANK = re.compile(r"the (\d+)(?:nd|rd|th) nearest")
SUM = r"(?P<base>\d+) \+ (?P<length>\d+) = (?P<sum>\d+)"
STEPS = tuple(
    re.compile(pattern.format(sum=SUM, list=LIST))
    for pattern in (
        r"Settle (?P<node>[A-Z]) from (?P<via>[A-Z]): {sum}\. Settled: {list}",
        r"nearest is (?P<node>[A-Z]), {sum} over (?P<via>[A-Z])\. Settled: {list}",
        r"From (?P<via>[A-Z]) we reach (?P<node>[A-Z]) at {sum}\. Settled: {list}",
        r"(?P<via>[A-Z]) to (?P<node>[A-Z]) makes {sum}, settled are {list}",
    )
)


class ShortestPathChecker:
    """Reads shortest paths; a problem is (neighbours with lengths, source, how many)."""

    def read_problem(self, text):
        edges, source, rank = EDGE.findall(text), SOURCE.search(text), RANK.search(text)
        if not edges or not source or not rank:
            return None
        graph: dict[str, dict[str, int]] = {}
        for a, b, length in edges:
            graph.setdefault(a, {})[b] = graph.setdefault(b, {})[a] = int(length)
        node, time = filter(None, source.groups())
        return graph, (node, int(time)), int(rank[1])

    def start(self, problem):
        return [problem[1]]

    def read_step(self, text):
        match = next(filter(None, (pattern.search(text) for pattern in STEPS)), None)
        if not match:
            return None
        numbers = tuple(int(match[name]) for name in ("base", "length", "sum"))
        listed = re.findall(r"([A-Z]) (\d+)", match["list"])
        settled = [(node, int(distance)) for node, distance in listed]
        return Claim(None, (match["via"], match["node"], *numbers), settled)

    def follows(self, problem, index, state, claim):
        graph, _, count = problem
        via, node, base, length, total = claim.operation
        far = dict(state)
        best = {
            other: min(far[a] + graph[a][other] for a in far if a in graph[other])
            for other in graph
            if other not in far and graph[other].keys() & far.keys()
        }
        if not 0 <= index < count or not best:
            return False
        if node != min(sorted(best), key=lambda name: best[name]):
            return False
        if via not in far or graph[node].get(via) != length or base != far[via]:
            return False
        return base + length == total == best[node] and claim.result == [*state, (node, total)]

    def answers(self, problem, state, answer):
        return answer == str(state[-1][1])
