"""Counts in messages: "3 rows that are blank", but "1 row that is blank"; and sizes."""

_SINGULAR = {"are": "is", "were": "was", "have": "has", "repeat": "repeats", "differ": "differs"}
_THOUSAND = 1000


def counted(count: int, plural: str) -> str:
    """`count` and a phrase whose first word in -s is what is counted; one of it is singular.

    Args:
        count: how many.
        plural: such as "rows without a time" or "negative values".
    """
    if count != 1:
        return f"{count:,} {plural}"
    words = plural.split(" ")
    noun = next((at for at, word in enumerate(words) if word.rstrip(",:").endswith("s")), None)
    if noun is not None:
        bare = words[noun].rstrip(",:")
        words[noun] = bare[:-1] + words[noun][len(bare) :]
        verb = next((at for at in range(noun, len(words)) if words[at] in _SINGULAR), None)
        if verb is not None:
            words[verb] = _SINGULAR[words[verb]]
    return " ".join([f"{count:,}", *words])


def sized(count: float) -> str:
    """A number of bytes: 12 kB, 3.4 GB."""
    for unit in ("B", "kB", "MB"):
        if count < _THOUSAND:
            return f"{count:.0f} {unit}"
        count /= _THOUSAND
    return f"{count:.1f} GB"
