"""Sketches of tops, knitwear, jackets and coats.

Coordinates are pixels of the finished picture, x counted from the centre line. `sleeve`, `length`
and `neck` are the same small numbers that the description is written from.
"""

from dataclasses import dataclass

from recsys_cli.datasets.demo.outline import Points, Sketch, Tone

ROUND, VEE, BOAT, HIGH = range(4)


@dataclass(frozen=True)
class Cut:
    """The measures of a torso."""

    top: float = 46.0
    hem: float = 240.0
    shoulder: float = 46.0
    chest: float = 45.0
    waist: float = 43.0
    bottom: float = 46.0
    neck: float = 19.0
    arm: float = 24.0
    """Width of the sleeve."""


def _neckline(sketch: Sketch, cut: Cut, neck: int) -> Points:
    """Draw the back of the neck; return the front edge from the centre to the shoulder."""
    width = cut.neck + (9 if neck == BOAT else 0)
    depth = {ROUND: 20.0, VEE: 42.0, BOAT: 10.0, HIGH: 6.0}[neck]
    if neck == HIGH:
        sketch.mirror(
            Tone.SECOND,
            [(0, cut.top - 13), (width - 3, cut.top - 13), (width, cut.top + 6), (0, cut.top + 12)],
        )
    else:
        sketch.mirror(
            Tone.INSIDE,
            [
                (0, cut.top - 3),
                (width, cut.top - 4),
                (width, cut.top + 4),
                (0, cut.top + depth + 4),
            ],
        )
    middle = (width * 0.45, cut.top + depth * (0.55 if neck == VEE else 0.92))
    return [(0, cut.top + depth), (0, cut.top + depth), middle, (width, cut.top - 3),
            (width, cut.top - 3)]  # fmt: skip


def _sleeves(sketch: Sketch, cut: Cut, sleeve: int, *, cuff: bool = False) -> None:
    """Draw both sleeves: 0 none, 1 short, 2 long."""
    if sleeve == 0:
        return
    s, top, w = cut.shoulder, cut.top, cut.arm
    pit = (cut.chest - 3, top + 62)
    if sleeve == 1:
        out, into = (s + 27, top + 66), (s + 27 - w, top + 78)
    else:
        out, into = (s + 33, top + 172), (s + 33 - 0.78 * w, top + 177)
    shape: Points = [(s - 14, top + 3), (s + 3, top + 10), (s + 12, top + 34), out, out, into,
                     into, pit, pit]  # fmt: skip
    sketch.both(Tone.FABRIC, shape)
    if cuff and sleeve > 1:
        dx, dy = -3, -15
        band: Points = [out, out, (out[0] + dx, out[1] + dy), (into[0] + dx, into[1] + dy), into,
                        into]  # fmt: skip
        sketch.both(Tone.SECOND, band, smooth=1)
    sketch.line([(s - 4, top + 7), (s - 6, top + 34), pit], dark=0.28, twice=True)
    if sleeve > 1:
        sketch.line([(s + 3, top + 78), (s + 14, top + 100)], dark=0.12, width=2.5, twice=True)


def torso(sketch: Sketch, cut: Cut, *, sleeve: int, neck: int, cuff: bool = False) -> None:
    """Draw sleeves and body."""
    edge = _neckline(sketch, cut, neck)
    _sleeves(sketch, cut, sleeve, cuff=cuff)
    inset = 10 if sleeve == 0 else 0
    mid = (cut.top + cut.hem) / 2 + 6
    half = [
        *edge,
        (cut.shoulder - inset, cut.top + 8),
        (cut.shoulder - inset, cut.top + 8),
        (cut.shoulder - 7 - inset / 2, cut.top + 36),
        (cut.chest, cut.top + 62),
        (cut.chest, cut.top + 64),
        (cut.waist, mid),
        (cut.bottom, cut.hem),
        (cut.bottom, cut.hem),
        (0, cut.hem + 4),
    ]
    sketch.mirror(Tone.FABRIC, half)
    if neck != HIGH:
        sketch.line([(x, y + 3) for x, y in edge], dark=0.22, twice=True)


def _hem_band(sketch: Sketch, cut: Cut, height: float = 15) -> None:
    half = [(0, cut.hem - height + 3), (cut.bottom - 1, cut.hem - height),
            (cut.bottom - 1, cut.hem - height), (cut.bottom, cut.hem), (cut.bottom, cut.hem),
            (0, cut.hem + 4)]  # fmt: skip
    sketch.mirror(Tone.SECOND, half, smooth=1)


def placket(sketch: Sketch, start: float, end: float, buttons: int, *, tone: Tone) -> None:
    """Draw a row of buttons between two seams, from one height to another."""
    sketch.line([(-4, start), (-4, end)], dark=0.22)
    sketch.line([(5, start), (5, end)], dark=0.22)
    for i in range(buttons):
        sketch.dot(tone, 0.5, start + 8 + i * (end - start - 14) / max(buttons - 1, 1), 2.1)


def collar(sketch: Sketch, top: float, *, spread: float = 17, drop: float = 24) -> None:
    """Draw a turned-down collar around a neck at height `top`."""
    sketch.both(Tone.SECOND, [(0, top + 10), (0, top + 10), (spread + 2, top - 7),
                              (spread + 5, top + 3), (spread - 5, top + drop),
                              (spread - 5, top + drop)], smooth=1)  # fmt: skip
    sketch.line([(1, top + 11), (spread - 5, top + drop), (spread + 4, top + 3)], dark=0.25,
                twice=True, smooth=0)  # fmt: skip


def _lapels(sketch: Sketch, top: float, end: float) -> None:
    sketch.mirror(Tone.TRIM, [(0, top), (15, top - 4), (11, top + 30), (0, end - 8)], smooth=1)
    lapel: Points = [(14, top - 7), (23, top + 2), (28, top + 30), (20, top + 36), (25, top + 44),
                     (2, end), (0, end)]  # fmt: skip
    sketch.both(Tone.SECOND, lapel, smooth=1)
    sketch.line(lapel[1:-1], dark=0.3, twice=True, smooth=1)


def _pockets(sketch: Sketch, y: float, x: float = 15, width: float = 20) -> None:
    sketch.line([(x, y), (x + width, y - 3)], dark=0.35, width=1.6, twice=True)


def tee(sleeve: int, length: int, neck: int) -> Sketch:
    """T-shirts and tops."""
    sketch = Sketch()
    cut = Cut(hem=(216, 232, 246)[length], bottom=(43, 46, 49)[length])
    torso(sketch, cut, sleeve=max(sleeve, 1), neck=neck)
    sketch.line([(-cut.bottom + 1, cut.hem - 5), (0, cut.hem - 1), (cut.bottom - 1, cut.hem - 5)],
                dark=0.2)  # fmt: skip
    return sketch


def vest(sleeve: int, length: int, neck: int) -> Sketch:
    """Vest tops with narrow straps."""
    sketch = Sketch()
    top, hem = 44.0, (206.0, 222.0, 238.0)[length]
    sketch.mirror(Tone.INSIDE, [(0, 66), (27, 62), (27, 86), (0, 92)])
    sketch.both(Tone.FABRIC, [(22, top), (29, top), (35, 84), (26, 88)], smooth=1)
    dip = 92 if neck == VEE else 82
    sketch.mirror(Tone.FABRIC, [(0, dip), (12, dip - 4), (25, 74), (34, 74), (35, 90), (43, 112),
                                (40, 160), (46, hem), (46, hem), (0, hem + 4)])  # fmt: skip
    sketch.line([(0, dip + 4), (12, dip), (26, 79)], dark=0.22, twice=True)
    return sketch


def shirt(sleeve: int, length: int, neck: int) -> Sketch:
    """Shirts and blouses with a collar and buttons."""
    sketch = Sketch()
    cut = Cut(hem=(232, 242, 254)[length], shoulder=48, chest=47, waist=45, bottom=48, neck=17)
    torso(sketch, cut, sleeve=max(sleeve, 1), neck=ROUND, cuff=True)
    placket(sketch, cut.top + 18, cut.hem, 6, tone=Tone.TRIM)
    collar(sketch, cut.top)
    if neck in {ROUND, BOAT}:
        sketch.line([(16, 104), (36, 104), (36, 128), (26, 133), (16, 128), (16, 104)], dark=0.2,
                    smooth=0)  # fmt: skip
    return sketch


def polo(sleeve: int, length: int, neck: int) -> Sketch:
    """Polo shirts."""
    sketch = tee(sleeve, length, ROUND)
    placket(sketch, 60, 104, 3, tone=Tone.TRIM)
    collar(sketch, 46, spread=18, drop=22)
    return sketch


def sweater(sleeve: int, length: int, neck: int) -> Sketch:
    """Sweaters with ribbed cuffs and hem."""
    sketch = Sketch(folds=1.4)
    cut = Cut(hem=(222, 234, 248)[length], shoulder=51, chest=50, waist=50, bottom=46, arm=30)
    torso(sketch, cut, sleeve=2, neck=neck, cuff=True)
    _hem_band(sketch, cut)
    for x in range(-40, 41, 5):
        sketch.line([(x, cut.hem - 12), (x, cut.hem + 2)], dark=0.14, width=1)
    return sketch


def cardigan(sleeve: int, length: int, neck: int) -> Sketch:
    """Cardigans, buttoned down the front."""
    sketch = Sketch(folds=1.3)
    cut = Cut(hem=(214, 232, 256)[length], shoulder=49, chest=48, waist=47, bottom=46, arm=28)
    torso(sketch, cut, sleeve=2, neck=VEE, cuff=True)
    _hem_band(sketch, cut)
    placket(sketch, cut.top + 46, cut.hem + 2, 5, tone=Tone.METAL)
    return sketch


def hoodie(sleeve: int, length: int, neck: int) -> Sketch:
    """Hoodies with a kangaroo pocket and drawstrings."""
    sketch = Sketch(folds=1.2)
    sketch.mirror(Tone.INSIDE, [(0, 30), (22, 34), (25, 62), (0, 78)])
    cut = Cut(
        top=54, hem=(230, 240, 250)[length], shoulder=52, chest=52, waist=51, bottom=47, arm=31
    )
    torso(sketch, cut, sleeve=2, neck=ROUND, cuff=True)
    _hem_band(sketch, cut)
    sketch.both(Tone.FABRIC, [(0, 26), (26, 32), (33, 62), (0, 86), (0, 80), (22, 62), (17, 42),
                              (0, 38)])  # fmt: skip
    sketch.line([(0, 38), (17, 42), (22, 62), (0, 80)], dark=0.3, twice=True)
    sketch.line([(7, 80), (8, 118)], dark=-0.5, width=2, twice=True)
    pocket: Points = [(20, 172), (34, 206), (34, 222)]
    sketch.line([(0, 172), *pocket], dark=0.3, twice=True, smooth=0)
    return sketch


def blazer(sleeve: int, length: int, neck: int) -> Sketch:
    """Blazers with lapels."""
    sketch = Sketch(folds=0.6)
    cut = Cut(hem=(226, 240, 254)[length], shoulder=50, chest=47, waist=42, bottom=51, arm=27)
    torso(sketch, cut, sleeve=2, neck=ROUND)
    _lapels(sketch, cut.top, 150)
    sketch.line([(1, 150), (2, 200), (10, cut.hem)], dark=0.4)
    sketch.dot(Tone.DARK, -2, 160, 2.8)
    _pockets(sketch, 196)
    return sketch


def jacket(sleeve: int, length: int, neck: int) -> Sketch:
    """Zipped jackets; the long ones are quilted."""
    sketch = Sketch(folds=0.8)
    cut = Cut(hem=(214, 226, 240)[length], shoulder=54, chest=53, waist=51, bottom=49, arm=31)
    torso(sketch, cut, sleeve=2, neck=HIGH, cuff=True)
    _hem_band(sketch, cut, 12)
    sketch.line([(0, 38), (0, cut.hem + 3)], dark=0.5, width=2.4)
    sketch.line([(1.6, 40), (1.6, cut.hem)], dark=-0.35, width=0.9)
    if length > 0:
        for y in range(84, int(cut.hem) - 16, 24):
            sketch.line([(-52, y), (0, y + 4), (52, y)], dark=0.2, width=1.8)
            sketch.line([(-52, y + 4), (0, y + 8), (52, y + 4)], dark=-0.1, width=3)
    _pockets(sketch, 190)
    return sketch


def coat(sleeve: int, length: int, neck: int) -> Sketch:
    """Coats with wide lapels, knee-length and longer."""
    sketch = Sketch(folds=0.8)
    cut = Cut(
        top=30, hem=(242, 260, 278)[length], shoulder=50, chest=48, waist=47, bottom=60, arm=28
    )
    torso(sketch, cut, sleeve=2, neck=ROUND)
    _lapels(sketch, cut.top, 124)
    sketch.line([(1, 124), (1, cut.hem + 3)], dark=0.4)
    for y in (136, 162, 188):
        sketch.dot(Tone.DARK, -9, y, 2.8)
        sketch.dot(Tone.DARK, 10, y, 2.8)
    _pockets(sketch, 200, 18, 22)
    if neck in {VEE, HIGH}:
        sketch.mirror(Tone.SECOND, [(0, 148), (47, 146), (48, 158), (0, 161)], smooth=0)
        sketch.mirror(Tone.METAL, [(0, 147), (8, 147), (8, 161), (0, 161)], smooth=0)
    return sketch
