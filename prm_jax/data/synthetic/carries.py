"""What a forgotten carry or borrow does to a result."""


def lost_carries(a: int, symbol: str, b: int) -> list[int]:
    """The change of `a symbol b` for each carry that may be forgotten.

    A carry into a column is what the columns below it give in whole units of that column.

    Args:
        a: a whole number.
        symbol: '+', '-' or '*'.
        b: a whole number.

    Returns:
        List of changes, negative for a forgotten carry and positive for a borrow.
    """
    found, unit = [], 10
    while unit <= 10 * max(a, b):
        low_a, low_b = a % unit, b % unit
        low = {"+": low_a + low_b, "-": low_a - low_b, "*": low_a * b}[symbol]
        if low // unit:
            found.append(-(low // unit) * unit)
        unit *= 10
    return found
