"""Units of measure in answers: their spellings, and what one is worth in another.

A unit that is not listed, such as "red apples", is a name of its own: it equals itself.
"""

import re
from fractions import Fraction
from typing import NamedTuple

_SIZES = {
    "metre": {
        "nm nanometer nanometre": "1/1000000000",
        "μm um micrometer micrometre": "1/1000000",
        "mm millimeter millimetre": "1/1000",
        "cm centimeter centimetre": "1/100",
        "dm decimeter decimetre": "1/10",
        "m meter metre": "1",
        "km kilometer kilometre": "1000",
        "inch inches in": "127/5000",
        "foot feet ft": "381/1250",
        "yard yd": "1143/1250",
        "mile mi": "201168/125",
    },
    "gram": {
        "mg milligram": "1/1000",
        "g gram gramme": "1",
        "kg kilogram kilo": "1000",
        "ounce oz": "45359237/1600000",
        "pound lb": "45359237/100000",
        "tonne": "1000000",
    },
    "second": {
        "ms millisecond": "1/1000",
        "s sec second": "1",
        "minute min": "60",
        "hour hr h": "3600",
        "day": "86400",
        "week": "604800",
    },
    "litre": {"ml mL milliliter millilitre": "1/1000", "L l liter litre": "1"},
    "dollar": {"cent ¢": "1/100", "dollar buck usd $": "1"},
    "euro": {"euro eur €": "1"},
    "sterling": {"gbp £ sterling": "1"},
    "yen": {"yen jpy ¥": "1"},
    "rupee": {"rupee inr ₹": "1"},
    "percent": {"percent percentage %": "1"},
    "degree": {"degree deg °": "1"},
    "radian": {"radian rad": "1"},
    "unit": {"unit": "1"},
    "year": {"year yr": "1"},
    "month": {"month": "1"},
    "newton": {"N newton": "1"},
    "joule": {"J joule": "1", "kJ kilojoule": "1000"},
    "watt": {"W watt": "1", "kW kilowatt": "1000"},
    "acre": {"acre": "1"},
    "mol": {"mol mole": "1"},
    "hertz": {"Hz hertz": "1", "kHz kilohertz": "1000", "MHz megahertz": "1000000"},
    "pascal": {"Pa pascal": "1", "kPa kilopascal": "1000"},
    "volt": {"V volt": "1", "mV millivolt": "1/1000"},
    "ampere": {"A ampere amp": "1", "mA milliampere": "1/1000"},
    "ohm": {"ohm": "1"},
    "kelvin": {"K kelvin": "1"},
    "molar": {"M molar": "1"},
    "electronvolt": {"eV electronvolt": "1", "keV": "1000", "MeV": "1000000", "GeV": "1000000000"},
}
_UNITS = {
    name: (base, Fraction(size))
    for base, names in _SIZES.items()
    for spelling, size in names.items()
    for name in spelling.split()
}
_SPEEDS = {"mph": "mile per hour", "kph": "km per hour", "kmh": "km per hour"}
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3, "squared": 2, "cubed": 3}
SCALES = {
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
# Words after a number that say more than what is counted.
_NOT_UNITS = set(
    (
        "and or not if when because since where for is are was be than then to but so with by mod "
        "plus minus times divided over equals equal as at most least otherwise else that which am "
        "pm squared cubed factorial half halves third thirds fourths fifth fifths sixth sixths "
        "tenth tenths hundredth hundredths thousandth thousandths below above zero to"
    ).split()
)
MAX_WORDS = 4
ONE_LETTER = {name for name in _UNITS if len(name) == 1 and name.isalpha()}


class Unit(NamedTuple):
    """What a number counts.

    Fields:
        name: powers of the base units, such as 'metre^2', or the words themselves.
        size: how many of the base unit one of it is.
    """

    name: str
    size: Fraction = Fraction(1)


def is_unit(word: str) -> bool:
    """Whether a word is a unit that is listed."""
    return _known(word) is not None


def unit(phrase: str) -> Unit | None:
    """The unit that a phrase names.

    Args:
        phrase: words with powers (`cm^2`), `/`, `*` and "per" between them.

    Returns:
        The unit; None if the phrase can be none.
    """
    phrase = re.sub(r"(?<![a-zA-Z])([ap])\.\s*m\.?(?![a-zA-Z])", r"\1m", phrase).replace(".", "")
    phrase = re.sub(r"(?<=\w) (?:an?|each|every) (?=\w)", " per ", phrase)
    pieces = re.findall(r"[^\W\d_]+|[%$€£¥₹°¢]|\^|-?\d+|\S", phrase)
    pieces = [p for piece in pieces for p in _SPEEDS.get(piece.lower(), piece).split()]
    words = [p for p in pieces if p[0].isalpha()]
    if not pieces or len(words) > MAX_WORDS:
        return None
    known = _powers(pieces)
    if known is not None:
        powers, size = known
        return Unit(" ".join(f"{base}^{n}" for base, n in sorted(powers.items()) if n), size)
    if any(w.lower() in _NOT_UNITS for w in words):
        return None
    if all(re.fullmatch(r"[^\W\d_]+|-", piece) for piece in pieces) and len(words[0]) > 1:
        return Unit("words: " + " ".join(_singular(w.lower()) for w in words))
    return None


def _powers(pieces):
    """`(powers of base units, size)` if every word is listed; None otherwise."""
    powers: dict[str, int] = {}
    size, sign, index, waiting = Fraction(1), 1, 0, 1
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if piece in ("/", "per"):
            sign = -1
        elif piece in ("*", "-") and 1 < index < len(pieces):
            continue
        elif piece.lower() in _POWERS and index < len(pieces):
            waiting = _POWERS[piece.lower()]
        elif (found := _known(piece)) is not None:
            power, waiting = waiting, 1
            if pieces[index : index + 1] == ["^"] and pieces[index + 1 :][:1]:
                if not re.fullmatch(r"-?[1-9]", pieces[index + 1]):
                    return None
                power *= int(pieces[index + 1])
                index += 2
            elif pieces[index : index + 1] and pieces[index].lower() in ("squared", "cubed"):
                power *= _POWERS[pieces[index].lower()]
                index += 1
            base, one = found
            powers[base] = powers.get(base, 0) + sign * power
            size *= one ** (sign * power)
        else:
            return None
    return (powers, size) if powers else None


def _known(word):
    for spelling in (word, word.lower(), _singular(word.lower())):
        # A letter is a unit in its own case alone: L is a litre, S is no second.
        if spelling in _UNITS and (len(spelling) > 1 or spelling == word):
            return _UNITS[spelling]
    return None


def _singular(word):
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.search(r"(?:sh|ch|x|ss|z)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 2 else word
