"""Checker of traced programs: the program is parsed with `ast` and run by the rules of Python."""

import ast
import operator
import re
from typing import Any

from prm_jax.data.synthetic.checkers.judge import Claim

ASK = re.compile(r"What is the value of (\w+) after|last value of (\w+):|Which value does (\w+)")
CODE = re.compile(r"^(?:[\w[\]]+ = .*|for .*:|if .*:|else:|    .*)$", re.MULTILINE)
LOOP = re.compile(r"(?:With|Round|for) (\w+) = (\d+)[:.,] |loop (\w+) is (\d+)\. ")
CONDITION = re.compile(r"([^\s(]+ [<>]=? [^\s(]+) is (true|false) \(([^)]+)\)")
STATEMENT = re.compile(r"[a-z]\S* = \S+ (?:[-+*%]|//) [a-z\d][\w[\]]*")
RESULT = re.compile(r"(\d+ (?:[-+*%]|//) \d+) = (\d+)(?:\. Table:|, and now|; we have|, so) (.*)")
ENTRY = re.compile(r"(\w+) = (\[\d+(?:, \d+)*\]|\d+)")
OPERATORS = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}


class CodeTracingChecker:
    """Reads programs; a problem is (table, runs, variable, lines of the program).

    A run is (loop or None, its round, statement); the round is None for all but the first
    statement of a loop's body.
    """

    def read_problem(self, text):
        asked = ASK.search(text)
        if not asked:
            return None
        lines = CODE.findall(text)
        try:
            body: Any = ast.parse("\n".join(lines)).body
        except SyntaxError:
            return None
        table: dict[str, Any] = {}
        runs: list[tuple] = []
        for node in body:
            if isinstance(node, ast.For):
                for number in range(_rounds(node, table)):
                    for place, inner in enumerate(node.body):
                        runs.append((node, None if place else number, inner))
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.List):
                table[lines[node.lineno - 1].split()[0]] = ast.literal_eval(node.value)
            else:
                runs.append((None, None, node))
        return table, runs, asked[1] or asked[2] or asked[3], lines

    def start(self, problem):
        return problem[0]

    def read_step(self, text):
        result = RESULT.search(text)
        if not result:
            return None
        before = text[: result.start()]
        loop, condition, statement = (p.search(before) for p in (LOOP, CONDITION, STATEMENT))
        if not statement:
            return None
        said = loop and (loop[1] or loop[3], int(loop[2] or loop[4]))
        operation = (said, condition and condition.groups(), statement[0], result[1], result[2])
        table = {name: _number_or_list(value) for name, value in ENTRY.findall(result[3])}
        return Claim(None, operation, table)

    def follows(self, problem, index, state, claim):
        if not 0 <= index < len(problem[1]):
            return False
        loop, number, node = problem[1][index]
        table = {name: list(v) if isinstance(v, list) else v for name, v in state.items()}
        try:
            said = _run(loop, number, node, table, problem[3])
            return said == claim.operation and table == claim.result
        except (KeyError, IndexError, TypeError):
            return False  # the state before lacks what the statement reads

    def answers(self, problem, state, answer):
        return answer == str(state.get(problem[2]))


def _number_or_list(text):
    numbers = [int(number) for number in text.strip("[]").split(", ")]
    return numbers if text.startswith("[") else numbers[0]


def _rounds(loop, table):
    return len(table[loop.iter.id]) if isinstance(loop.iter, ast.Name) else len(_range(loop))


def _range(loop):
    return range(*(argument.value for argument in loop.iter.args))


def _run(loop, number, node, table, lines):
    """Runs a statement on the table, which it changes; returns what a step should say of it."""
    said = condition = None
    if loop is not None:
        name = loop.target.id
        if number is not None:
            table[name] = (_evaluate(loop.iter, table) or _range(loop))[number]
        said = (name, table[name])
    if isinstance(node, ast.If):
        test: Any = node.test
        symbol, compare = OPERATORS[type(test.ops[0])]
        a, b = _evaluate(test.left, table), _evaluate(test.comparators[0], table)
        texts = (
            lines[node.lineno - 1].strip()[3:-1],
            str(compare(a, b)).lower(),
            f"{a} {symbol} {b}",
        )
        condition, node = texts, (node.body if compare(a, b) else node.orelse)[0]
    symbol, compute = OPERATORS[type(node.value.op)]
    a, b = _evaluate(node.value.left, table), _evaluate(node.value.right, table)
    value, target = compute(a, b), node.targets[0]
    if isinstance(target, ast.Name):
        table[target.id] = value
    else:
        table[target.value.id][_evaluate(target.slice, table)] = value
    return said, condition, lines[node.lineno - 1].strip(), f"{a} {symbol} {b}", str(value)


def _evaluate(node, table):
    """The value of a name, a number or an element; None for a range."""
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return table[name]
        case ast.Subscript(ast.Name(name), index):
            return table[name][_evaluate(index, table)]
    return None
