"""Damage to whole inputs: to JSON values in their structure, to lines in their words, to bytes."""

import copy
import json
import math

NUMBERS = (0, 1, -1, 2, 7, 0.5, -0.0, 1e308, 1e-320, 2**31, -(2**63), 2**64, 10**400, math.nan)
TEXTS = (
    "",
    " ",
    "x",
    "1",
    "-1",
    "null",
    "\u0000",
    "\ud800",
    "ки",
    "<extra_0>",
    "\n\n",
    "{{",
    "a" * 300,
)
WORDS = (
    *"()[]{}=,.:;?&+-*/^_\\'\"$%#|<>!~\n ",
    "1e999",
    "9" * 40,
    "\\frac",
    "\\sqrt",
    "None",
    "lambda",
)
SIZES = (0, 1, 2, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**40, 2**63, 2**64 - 1)


def junk(random, depth=0):
    """A JSON value of any kind."""
    kind = random.randrange(8 if depth < 3 else 4)
    if kind == 0:
        return random.choice((None, True, False))
    if kind == 1:
        return random.choice((*NUMBERS, math.inf))
    if kind in (2, 3):
        return random.choice(TEXTS)
    if kind in (4, 5):
        return [junk(random, depth + 1) for _ in range(random.randrange(4))]
    if kind == 6:
        return {random.choice(TEXTS): junk(random, depth + 1) for _ in range(random.randrange(3))}
    value = None
    for _ in range(random.choice((5, 60))):
        value = random.choice(([value], {"a": value}))
    return value


def value(random, seed):
    """A JSON value with one to three of its parts damaged."""
    root = [copy.deepcopy(seed)]
    for _ in range(random.choice((1, 1, 2, 3))):
        _damage(random, root)
    return root[0]


def _damage(random, root):
    holder, key = root, 0
    while isinstance(holder[key], dict | list) and holder[key] and random.random() < 0.8:
        holder = holder[key]
        key = (
            random.choice(list(holder))
            if isinstance(holder, dict)
            else random.randrange(len(holder))
        )
    kind = random.randrange(9)
    if holder is root and kind in (3, 4, 5):
        kind = 0
    if kind <= 1:
        holder[key] = junk(random)
    elif kind == 2:
        holder[key] = _tweaked(random, holder[key])
    elif kind == 3:
        del holder[key]
    elif kind == 4 and isinstance(holder, dict):
        holder[random.choice((*TEXTS, *holder))] = holder.pop(key)
    elif kind == 4:
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind == 5:  # the value of a neighbour
        other = (
            random.choice(list(holder))
            if isinstance(holder, dict)
            else random.randrange(len(holder))
        )
        holder[key] = copy.deepcopy(holder[other])
    elif kind == 6:
        holder[key] = [holder[key]]
    elif kind == 7 and isinstance(holder[key], dict):
        holder[key][random.choice(TEXTS)] = junk(random)
    elif kind == 7 and isinstance(holder[key], list):
        holder[key].append(junk(random))
    else:
        holder[key] = json.dumps(holder[key])[:500]


def _tweaked(random, part):
    if isinstance(part, bool) or part is None:
        return random.choice((0, 1, "true", not part))
    if isinstance(part, int | float):
        return random.choice((-part, part * 2, 0.5, str(part)[:30], part != part))
    if isinstance(part, str):
        return line(random, part)
    return type(part)()


def line(random, seed, words=()):
    """A text with one to three of its pieces damaged."""
    text = seed
    for _ in range(random.choice((1, 1, 2, 3))):
        at, to = sorted(random.randrange(len(text) + 1) for _ in range(2))
        word = random.choice((*WORDS, *words, random.choice(TEXTS), text[at:to]))
        text = random.choice(
            (
                text[:at] + word + text[at:],
                text[:at] + word + text[to:],
                text[:at] + text[to:],
                text[:to],
            )
        )
    return text[:2000]


def data(random, seed):
    """Bytes with one to three places damaged."""
    raw = bytearray(seed)
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(raw) + 1)
        kind = random.randrange(6)
        if kind == 0 and at < len(raw):
            raw[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            size = random.choice((1, 4, 8))
            number = random.choice(SIZES) % 256**size
            raw[at : at + size] = number.to_bytes(size, "little")
        elif kind == 2:
            del raw[at:]
        elif kind == 3:
            del raw[at : at + random.choice((1, 4, 8, 100))]
        elif kind == 4:
            raw[at:at] = random.randbytes(random.choice((1, 8)))
        else:
            raw[at:at] = raw[at : at + random.choice((1, 8, 64))]
    return bytes(raw)
