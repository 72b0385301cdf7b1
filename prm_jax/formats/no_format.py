"""What a row of no known format looks like, and what to do with it."""

CHATS = ("messages", "conversations", "conversation")
PAIRS = (("chosen", "rejected"), ("response_a", "response_b"), ("response_0", "response_1"))
QUESTIONS = ("problem", "question", "prompt", "query", "instruction", "input")
SCORES = ("step_scores", "clean_step_scores")


def describe(row):
    """A row in a few words and the remedy: `(what, remedy)`, two None if nothing is known of it.

    Args:
        row: dict that no format detects.
    """
    if name := next((name for name in CHATS if isinstance(row.get(name), list)), None):
        return (
            f"it is a chat of {len(row[name])} turns ({name}) whose answers are no + or -",
            "RLHFlow's rows answer every step with + or -; give the steps as a list, with labels",
        )
    if any(row.get(name) is not None for name in SCORES):
        return (
            "it holds scores, not solutions",
            "give the solutions as the input and this file to experiments.evaluate as --scores",
        )
    if isinstance(row.get("rows"), list) and "features" in row:
        return (
            "it is a page of the hub's viewer",
            "keep the `row` of each of its rows, or take the set's Parquet files",
        )
    if pair := next((pair for pair in PAIRS if all(row.get(n) is not None for n in pair)), None):
        return (
            f"it is a pair of preferences ({' and '.join(pair)})",
            "write each as a row with problem, steps, outcome and a common group",
        )
    asked = next((name for name in QUESTIONS if isinstance(row.get(name), str)), None)
    lists = [name for name, value in row.items() if isinstance(value, list)]
    if asked and lists:
        return (
            f"it has a question ({asked}) and the lists {', '.join(lists[:4])}",
            "our own rows have problem, steps and labels: give the fields these names",
        )
    return None, None
