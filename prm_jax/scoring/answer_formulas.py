"""Reading a formula from tokens: all of them, or not at all."""

from prm_jax.scoring.answer_text import GREEK, Token
from prm_jax.scoring.answer_values import Node, number, rational

FUNCTIONS = set(
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh ln exp log lg abs floor "
    "ceil max min gcd lcm det sgn Re Im arg deg dim ker Pr".split()
)
_SPELLED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "ceiling": "ceil"}
_MANY = {"max", "min", "gcd", "lcm"}
_NAMED = {"f", "g", "h", "F", "G"}  # letters that a bracket makes functions
_CONSTANTS = {"pi": ("const", "pi"), "e": ("const", "e"), "i": ("const", "i")}
_INFINITE = {"infty", "infinity", "inf", "oo"}
_TIMES = {"*", "cdot", "times", "ast"}
_DIVIDE = {"/", "div"}
_MARKS = set(
    "overline bar hat widehat vec overrightarrow tilde widetilde dot mathbb mathcal".split()
)
_MARKS |= {"mathfrak", "angle", "triangle", "overset", "underset"}
_OPEN = {"(": ")", "[": "]", "{": "}", "lvert": "rvert", "lfloor": "rfloor", "lceil": "rceil"}
_OPEN |= {"|": "|", "vert": "vert"}
_LIKE_LETTERS = {"mathbf", "boldsymbol", "bm"}
MAX_DEPTH = 60


class NotReadError(Exception):
    """A part that is no formula."""


def formula(tokens: tuple[Token, ...]) -> Node:
    """The formula that tokens spell.

    Args:
        tokens: every one is part of the formula.

    Returns:
        The node.

    Raises:
        NotReadError: they spell none, or something is left over.
    """
    reader = _Reader(tokens)
    node = reader.sum()
    if reader.index != len(reader.tokens):
        raise NotReadError
    return node


class _Reader:
    """Goes through tokens from left to right."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.bars = 0

    def peek(self, ahead=0) -> Token:
        """A token that is still to come; one of kind 'end' behind the last."""
        at = self.index + ahead
        return self.tokens[at] if at < len(self.tokens) else Token("end", "")

    def take(self, *values):
        """The next token if it is one of these marks or commands, or None."""
        token = self.peek()
        if token.kind in ("op", "cmd") and token.value in values:
            self.index += 1
            return token
        return None

    def need(self, value):
        if self.take(value) is None:
            raise NotReadError

    def sum(self):
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotReadError
        parts = []
        sign = self.take("+", "-", "pm", "mp")
        while True:
            term = self.product()
            if sign is not None and sign.value != "+":
                term = _negative(term) if sign.value == "-" else (sign.value, term)
            parts.append(term)
            sign = self.take("+", "-", "pm", "mp")
            if sign is None:
                break
        self.depth -= 1
        return parts[0] if len(parts) == 1 else ("add", *parts)

    def product(self):
        parts = [self.factor()]
        while True:
            sign = self.take(*_TIMES)
            if sign or self.crossed():
                parts.append(self.factor())
                if sign and sign.value == "times" and _is_vector(parts[-1]):
                    raise NotReadError  # a cross product, whose order counts
            elif self.take(*_DIVIDE):
                parts.append(("pow", self.factor(), number(-1)))
            elif self.starts_factor():
                parts.append(self.factor(signed=False))
            else:
                return parts[0] if len(parts) == 1 else ("mul", *parts)

    def crossed(self):
        """Takes the letter x between two numbers, which is a multiplication sign."""
        if self.peek()[:2] != ("letter", "x") or self.peek(1).kind != "num" or not self.index:
            return False
        if self.tokens[self.index - 1].kind != "num" or self.peek().spaced != self.peek(1).spaced:
            return False
        self.index += 1
        return True

    def starts_factor(self):
        """Whether a factor follows without a sign before it."""
        token = self.peek()
        if token.kind in ("letter", "word", "text"):
            return True
        if token.kind == "op":
            return token.value in "([{" or (token.value == "|" and not self.bars)
        return token.kind == "cmd" and (
            token.value in FUNCTIONS
            or token.value in GREEK
            or token.value in _MARKS
            or token.value in _LIKE_LETTERS
            or token.value in _INFINITE
            or token.value in ("frac", "sqrt", "binom", "imath", "ell", "lvert", "lfloor", "lceil")
        )

    def factor(self, signed=True):
        if signed and (sign := self.take("+", "-")):
            inside = self.factor()
            return inside if sign.value == "+" else _negative(inside)
        return self.powered(self.atom())

    def powered(self, node):
        """A factor with what follows it: powers, factorials, degrees, percent."""
        while True:
            if self.peek().value == "^" and self.peek(1)[:2] in (("cmd", "circ"), ("word", "circ")):
                self.index += 2
                node = ("degree", node)
            elif self.peek(0).value == "^" and self.circled():
                node = ("degree", node)
            elif self.take("^", "**"):
                node = ("pow", node, self.raised())
            elif self.peek()[:2] == ("op", "!") and self.take("!"):
                node = ("fn", "factorial", node)
            elif self.take("%"):
                node = ("percent", node)
            elif self.take("degree"):
                node = ("degree", node)
            else:
                return node

    def circled(self):
        """Takes `^{\\circ}` and `^o`."""
        for spelling in (("^", "{", "circ", "}"),):
            if tuple(self.peek(k).value for k in range(len(spelling))) == spelling:
                self.index += len(spelling)
                return True
        return False

    def raised(self):
        """What stands behind `^`: a group, a signed number or one thing."""
        if self.peek()[:2] == ("op", "{"):
            return self.group()
        if sign := self.take("-", "+"):
            inside = self.raised()
            return _negative(inside) if sign.value == "-" else inside
        return self.powered_by_power(self.atom())

    def powered_by_power(self, node):
        return ("pow", node, self.raised()) if self.take("^", "**") else node

    def group(self):
        """`{...}`, or one token, as the argument of a command."""
        if self.take("{"):
            node = self.sum()
            self.need("}")
            return node
        token = self.peek()
        if token.kind == "num" and "/" not in token.value and len(token.value) > 1:
            # TeX takes one digit: \frac12 is a half.
            rest = Token("num", token.value[1:], False)
            self.tokens = (
                *self.tokens[: self.index],
                Token("num", token.value[0], token.spaced),
                rest,
                *self.tokens[self.index + 1 :],
            )
        elif token.kind == "word":
            letters = [Token("letter", c, False) for c in token.value]
            self.tokens = (*self.tokens[: self.index], *letters, *self.tokens[self.index + 1 :])
        return self.atom()

    def atom(self):
        token = self.peek()
        self.index += 1
        if token.kind == "num":
            return self.numeral(token)
        if token.kind == "letter":
            return self.letter(token.value)
        if token.kind in ("word", "text"):
            return self.word(token)
        if (
            token.kind == "op"
            and token.value in _OPEN
            or token.value in ("lvert", "lfloor", "lceil", "vert")
        ):
            return self.bracketed(token.value)
        if token.kind == "cmd":
            return self.command(token.value)
        raise NotReadError

    def numeral(self, token):
        """A number, with its base or the fraction of a mixed number behind it."""
        if self.take("_"):
            return _in_base(token.value, self.subscript().strip("()"))
        value = number(token.value)
        if "/" in token.value:
            return value
        ahead = [self.peek(k) for k in range(4)]
        if ahead[0][:2] == ("cmd", "frac"):
            start = self.index
            fraction = rational(self.atom())
            if self._integers(start) and fraction is not None and 0 < fraction < 1:
                return number(int(token.value) + fraction)
            self.index = start
        elif (
            [t.kind for t in ahead[:3]] == ["num", "op", "num"]
            and ahead[0].spaced
            and ahead[1].value == "/"
            and "/" not in ahead[0].value + ahead[2].value
        ):
            top, bottom = int(ahead[0].value), int(ahead[2].value)
            if 0 < top < bottom:
                self.index += 3
                return number(f"{int(token.value) * bottom + top}/{bottom}")
        return value

    def _integers(self, start):
        """Whether a fraction that was just read is of two whole numbers."""
        return all(
            t.kind == "num" and "/" not in t.value or t.value in ("frac", "{", "}")
            for t in self.tokens[start : self.index]
        )

    def letter(self, name):
        if self.peek().value == "_":
            self.index += 1
            name = f"{name}_{self.subscript()}"
        elif name in _CONSTANTS and self.peek().value != "'":
            return _CONSTANTS[name]
        while self.take("'"):
            name += "'"
        if name.rstrip("'") in _NAMED and self.peek()[:2] == ("op", "("):
            return ("fn", name, *self.arguments())
        return ("sym", name)

    def subscript(self):
        """The text of a subscript."""
        if self.take("{"):
            depth, start = 1, self.index
            while depth:
                token = self.peek()
                if token.kind == "end":
                    raise NotReadError
                depth += (token.value == "{") - (token.value == "}")
                self.index += 1
            return "".join(t.value for t in self.tokens[start : self.index - 1])
        token = self.peek()
        if token.kind not in ("num", "letter", "text", "word", "cmd"):
            raise NotReadError
        self.index += 1
        return token.value

    def word(self, token):
        """Letters: a function, a constant, a Greek letter, or (three at most) a product."""
        name = _SPELLED.get(token.value, token.value)
        lower = name.lower()
        if name in FUNCTIONS or (lower in FUNCTIONS and token.kind == "word"):
            return self.applied(name if name in FUNCTIONS else lower)
        if lower == "sqrt" and (self.peek().kind == "num" or self.peek().value in ("(", "{")):
            return ("pow", self.atom(), number("1/2"))
        if lower == "pi":
            return _CONSTANTS["pi"]
        if lower in _INFINITE:
            return ("inf",)
        if name in GREEK:
            return ("sym", name)
        if token.kind == "text":
            if len(name) == 1 and name.isalpha():
                return self.letter(name)
            if name.isalpha() and self.peek()[:2] == ("op", "("):
                return ("fn", name, *self.arguments())
            raise NotReadError
        if len(name) > 3 or not name.isascii():
            raise NotReadError
        letters = [Token("letter", c, False) for c in name]
        # The last letter of a product takes the power or the bracket that follows.
        self.tokens = (*self.tokens[: self.index], *letters, *self.tokens[self.index :])
        self.index += 1
        return self.letter(letters[0].value)

    def bracketed(self, opening):
        close = _OPEN[opening]
        if opening == "|" or opening == "vert":
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.need(close)
            return ("fn", "abs", node)
        node = self.sum()
        self.need(close)
        named = {"lvert": "abs", "lfloor": "floor", "lceil": "ceil"}.get(opening)
        if named:
            return ("fn", named, node)
        if opening == "(" and self.peek().value == "_" and node[0] == "num":
            self.index += 1
            return _in_base(node[1], self.subscript())
        return node

    def command(self, name):
        if name == "frac":
            top = self.group()
            return ("mul", top, ("pow", self.group(), number(-1)))
        if name == "sqrt":
            degree = number(2)
            if self.take("["):
                degree = self.sum()
                self.need("]")
            if self.peek()[:2] == ("op", "("):
                return ("pow", self.atom(), ("pow", degree, number(-1)))
            inside, odd = self.radicand(), rational(degree)
            value = rational(inside)
            if value is not None and value < 0 and odd is not None and odd.numerator % 2:
                if odd.denominator == 1:  # the real root
                    root = ("pow", number(-value), ("pow", degree, number(-1)))
                    return ("mul", number(-1), root)
            return ("pow", inside, ("pow", degree, number(-1)))
        if name == "binom":
            top = self.group()
            return ("fn", "binomial", top, self.group())
        if name in FUNCTIONS:
            return self.applied(name)
        if name in _INFINITE:
            return ("inf",)
        if name == "imath":
            return _CONSTANTS["i"]
        if name in GREEK or name in ("ell", "hbar"):
            return self.letter(name)
        if name in _LIKE_LETTERS or name in _MARKS:
            return self.marked(name)
        raise NotReadError

    def radicand(self):
        """What stands under a root: a group or, unlike in TeX, all digits of a number."""
        return self.atom() if self.peek().kind == "num" else self.group()

    def marked(self, name):
        """A letter with a mark, which is a variable of its own."""
        if self.peek()[:2] == ("op", "{"):
            inside = self.subscript()
        else:
            inside = self.subscript() if self.peek().kind in ("letter", "word", "num") else ""
        if not inside.isalnum():
            raise NotReadError
        if name in _LIKE_LETTERS:
            if inside.isdigit():
                return number(inside)
            if inside not in ("i", "e"):
                return self.letter(inside) if len(inside) == 1 else ("sym", inside)
        return self.letter(f"{name} {inside}")

    def applied(self, name):
        """A function with its argument; a power before the argument is that of the value."""
        power = base = None
        while self.peek().value in ("^", "_") and self.peek().kind == "op":
            if self.take("^"):
                power = self.raised()
            elif self.take("_"):
                base = self.group()
        if self.peek()[:2] == ("op", "("):
            arguments = self.arguments()
        elif self.peek()[:2] == ("op", "{"):
            arguments = [self.group()]
        else:
            arguments = [self.unbracketed()]
        if len(arguments) > 1 and name not in _MANY and name != "log":
            raise NotReadError
        if name in _MANY:
            arguments.sort(key=repr)
        if base is not None:
            if name != "log":
                raise NotReadError
            arguments = [*arguments, base]
        elif name == "lg":
            name, arguments = "log", [*arguments, number(10)]
        if power == number(-1) and name in ("sin", "cos", "tan", "cot"):
            return ("fn", "arc" + name, *arguments)
        node = ("fn", name, *arguments)
        return node if power is None else ("pow", node, power)

    def arguments(self):
        """What stands in round brackets, with commas between."""
        self.need("(")
        found = [self.sum()]
        while self.take(","):
            found.append(self.sum())
        self.need(")")
        return found

    def unbracketed(self):
        """The argument of a function without brackets: factors up to a sign or a function."""
        parts = [self.factor()]
        while self.starts_factor() and self.peek().value not in ("(", "["):
            name = self.peek().value
            if name in FUNCTIONS or name.lower() in FUNCTIONS:
                break
            parts.append(self.factor(signed=False))
        if self.peek().value == "/" and self.peek(1).kind == "num":
            self.index += 1
            parts.append(("pow", self.factor(), number(-1)))
        return parts[0] if len(parts) == 1 else ("mul", *parts)


def _is_vector(node):
    return node[0] == "sym" and node[1].startswith(("vec ", "overrightarrow "))


def _negative(node):
    value = rational(node) if node[0] == "num" else None
    return number(-value) if value is not None else ("mul", number(-1), node)


_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_BASES |= {"ten": 10, "sixteen": 16, "hex": 16, "bin": 2}


def _in_base(digits, subscript):
    """A number written in the base that its subscript says."""
    base = _BASES.get(subscript.lower()) or (int(subscript) if subscript.isdecimal() else 0)
    try:
        if not 2 <= base <= 36 or not digits.isalnum():
            raise NotReadError
        return number(int(digits, base))
    except ValueError as error:
        raise NotReadError from error
