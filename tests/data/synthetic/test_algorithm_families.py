"""Right solutions of the families that carry out an algorithm give what the algorithm is for."""

import numpy as np
import pytest

from prm_jax.data.synthetic.family import true_states
from prm_jax.data.synthetic.rule_chains import RuleChains
from prm_jax.data.synthetic.shortest_path import ShortestPath
from prm_jax.data.synthetic.sorting import Sorting
from prm_jax.data.synthetic.string_rewriting import RewritingProblem, Rule, StringRewriting

LEVELS = (1, 2, 3, 4)


def _problems(family):
    rng = np.random.default_rng(3)
    for level in LEVELS:
        for n_operations in range(2, 8):
            problem = family.draw(rng, level, n_operations)
            yield problem, true_states(family, problem)


def test_insertion_sort_sorts():
    for problem, states in _problems(Sorting()):
        descending = problem.operations[0][1]
        assert list(states[-1]) == sorted(problem.start, reverse=descending)


def test_settled_nodes_are_the_nearest_by_all_pairs_shortest_paths():
    for problem, states in _problems(ShortestPath()):
        source, time = problem.start[0]
        nodes = sorted({node for edge in problem.edges for node in edge[:2]})
        far = np.where(np.eye(len(nodes)) == 1, 0, np.inf)
        for a, b, length in problem.edges:
            i, j = nodes.index(a), nodes.index(b)
            far[i, j] = far[j, i] = length
        for via in range(len(nodes)):
            far = np.minimum(far, far[:, via : via + 1] + far[via : via + 1])
        nearest = np.sort(far[nodes.index(source)]) + time
        assert [t for _, t in states[-1]] == nearest[: len(states)].tolist()


def test_one_rule_applies_to_each_kind_and_every_rule_leads_on():
    for problem, _ in _problems(RuleChains()):
        met = [rule for rule in problem.rules if rule.condition in (None, *problem.properties)]
        kinds = [rule.old for rule in met]
        assert len(set(kinds)) == len(kinds) and {rule.new for rule in problem.rules} <= set(kinds)
        assert problem.other[1] in kinds and problem.other[0] != problem.start[0]


def test_a_chain_meets_no_kind_twice():
    for problem, states in _problems(RuleChains()):
        assert len(set(states)) == len(problem.operations) + 1


@pytest.mark.parametrize(
    "rule, result",
    [
        (Rule("first", "A", "CD"), "CDBABA"),
        (Rule("first", "BA", "C"), "ACBA"),
        (Rule("every", "AB", "BA"), "BABAA"),
        (Rule("exchange", "A", "B"), "BABAB"),
        (Rule("rotate"), "BABAA"),
        (Rule("reverse"), "ABABA"),
        (Rule("first", "C", "A"), "ABABA"),
    ],
)
def test_a_rule_rewrites_as_it_says(rule, result):
    problem = RewritingProblem("ABABA", (0,), rules=(rule,))
    assert true_states(StringRewriting(), problem)[-1] == result
