"""Sketches of trousers and skirts, underwear and swimwear."""

from recsys_cli.datasets.demo.outline import Points, Sketch, Tone


def _legs(sketch: Sketch, *, top: float, hip: float, hem: float, out: float, into: float) -> None:
    """Two legs; `out` and `into` are the edges of the right hem."""
    crotch = top + 74
    sketch.both(Tone.FABRIC, [(-1, top), (hip - 8, top), (hip - 8, top), (hip, top + 48),
                              ((hip + out) / 2, (crotch + hem) / 2), (out, hem), (out, hem),
                              (into, hem + 2), (into, hem + 2), (2, crotch + 8), (0, crotch),
                              (-1, crotch)])  # fmt: skip
    sketch.line([(0, top + 8), (0, crotch + 3)], dark=0.35)
    sketch.line([(hip * 0.45, top + 60), ((out + into) / 2, hem)], dark=0.1, width=2.2, twice=True)


def _waistband(sketch: Sketch, top: float, width: float, *, loops: bool) -> None:
    half = [(0, top + 1), (width, top - 2), (width, top - 2), (width + 1, top + 11),
            (width + 1, top + 11), (0, top + 13)]  # fmt: skip
    sketch.mirror(Tone.SECOND, half, smooth=1)
    sketch.line([(-width, top + 11), (0, top + 13), (width, top + 11)], dark=0.3)
    if loops:
        for x in (-width * 0.6, width * 0.6):
            sketch.line([(x, top), (x, top + 13)], dark=0.35, width=2.4)
        sketch.dot(Tone.METAL, 0, top + 7, 2.6)
    else:
        for x in range(-int(width) + 4, int(width), 5):
            sketch.line([(x, top + 1), (x, top + 11)], dark=0.16, width=1)


def trousers(sleeve: int, length: int, neck: int) -> Sketch:
    """Trousers and jeans: wide, straight or tapered."""
    sketch = Sketch(folds=0.8)
    out, into = ((64.0, 12.0), (50.0, 14.0), (40.0, 15.0))[length]
    _legs(sketch, top=26, hip=44, hem=276, out=out, into=into)
    _waistband(sketch, 26, 36, loops=True)
    sketch.line([(18, 40), (25, 56), (42, 62)], dark=0.32, twice=True)
    sketch.line([(8, 40), (8, 74), (0, 90)], dark=0.25)
    return sketch


def leggings(sleeve: int, length: int, neck: int) -> Sketch:
    """Leggings and tights."""
    sketch = Sketch(folds=0.5)
    _legs(sketch, top=26, hip=37, hem=(232.0, 262.0, 280.0)[length], out=24, into=10)
    _waistband(sketch, 26, 30, loops=False)
    if neck % 2:
        sketch.line([(34, 72), (28, 160), (22, 250)], dark=-0.4, width=3, twice=True)
    return sketch


def shorts(sleeve: int, length: int, neck: int) -> Sketch:
    """Shorts."""
    sketch = Sketch()
    _legs(sketch, top=76, hip=54, hem=(176.0, 196.0, 218.0)[length], out=64, into=8)
    _waistband(sketch, 76, 46, loops=neck % 2 == 0)
    sketch.line([(26, 90), (34, 110), (54, 118)], dark=0.3, twice=True)
    if neck % 2:
        sketch.line([(-3, 88), (-6, 116)], dark=-0.5, width=2)
        sketch.line([(3, 88), (7, 112)], dark=-0.5, width=2)
    return sketch


def skirt(sleeve: int, length: int, neck: int) -> Sketch:
    """Skirts from mini to maxi, straight or flared."""
    sketch = Sketch(folds=1.3)
    hem = (170.0, 216.0, 272.0)[length]
    flare = (50.0, 70.0, 62.0, 78.0)[neck]
    sketch.mirror(Tone.FABRIC, [(0, 52), (33, 52), (33, 52), (46, 92), (flare, hem), (flare, hem),
                                (flare / 2, hem + 6), (0, hem + 7)])  # fmt: skip
    _waistband(sketch, 46, 33, loops=False)
    for x, share in ((5, 0.2), (15, 0.5), (25, 0.8)):
        sketch.line([(x, 62), (x * 1.35, 100), (share * flare, hem + 4)], dark=0.18, width=2.2,
                    twice=True)  # fmt: skip
    return sketch


def bra(sleeve: int, length: int, neck: int) -> Sketch:
    """Bras and sports bras."""
    sketch = Sketch(folds=0.3)
    sporty = neck in {1, 3}
    strap = 9.0 if sporty else 4.0
    sketch.both(Tone.SECOND, [(30, 60), (30 + strap, 60), (40 + strap, 128), (34, 128)], smooth=1)
    cup: Points = [(2, 150), (12, 128), (34, 112), (52, 124), (58, 156), (46, 182), (20, 184),
                   (3, 172)]  # fmt: skip
    sketch.both(Tone.FABRIC, [(44, 140), (70, 158), (70, 158), (72, 184), (72, 184), (30, 190)],
                smooth=1)  # fmt: skip
    sketch.both(Tone.FABRIC, cup)
    sketch.mirror(Tone.SECOND, [(0, 170), (12, 178), (48, 180), (72, 178), (72, 190), (40, 194),
                                (0, 192)], smooth=1)  # fmt: skip
    if sporty:
        sketch.mirror(Tone.FABRIC, [(0, 128), (20, 122), (30, 150), (20, 178), (0, 182)])
    else:
        sketch.dot(Tone.METAL, 0, 166, 2.2)
    sketch.line([(6, 150), (30, 162), (54, 150)], dark=0.18, twice=True)
    sketch.line([(6, 176), (24, 184), (46, 180), (57, 158)], dark=0.3, twice=True)
    return sketch


def bikini(sleeve: int, length: int, neck: int) -> Sketch:
    """Triangle bikini tops."""
    sketch = Sketch(folds=0.3)
    sketch.both(Tone.SECOND, [(8, 44), (11, 44), (34, 112), (30, 114)], smooth=0)
    sketch.both(Tone.SECOND, [(48, 178), (96, 168), (96, 172), (48, 184)], smooth=0)
    sketch.both(Tone.FABRIC, [(31, 106), (33, 106), (60, 180), (60, 182), (6, 184), (5, 180)],
                smooth=2)  # fmt: skip
    sketch.mirror(Tone.SECOND, [(0, 178), (60, 178), (60, 184), (0, 185)], smooth=0)
    sketch.line([(32, 112), (34, 176)], dark=0.18, width=1.6, twice=True)
    return sketch


def briefs(sleeve: int, length: int, neck: int) -> Sketch:
    """Briefs and bikini bottoms, with a high, mid or low waist."""
    sketch = Sketch(folds=0.4)
    top = (92.0, 112.0, 126.0, 92.0)[neck]
    sketch.mirror(Tone.INSIDE, [(0, top - 3), (56, top - 6), (58, top + 10), (0, top + 16)],
                  smooth=1)  # fmt: skip
    sketch.mirror(
        Tone.FABRIC,
        [
            (0, top + 8),
            (30, top + 5),
            (58, top - 4),
            (58, top - 4),
            (64, 152),
            (64, 154),
            (34, 178),
            (15, 206),
            (12, 214),
            (0, 215),
        ],
    )
    sketch.line([(0, top + 13), (30, top + 10), (58, top + 2)], dark=0.28, twice=True)
    sketch.line([(61, 152), (32, 175), (12, 204)], dark=0.3, twice=True)
    sketch.line([(-14, 192), (0, 188), (14, 192)], dark=0.2)
    if length == 0:
        sketch.both(Tone.SECOND, [(58, top + 2), (66, top + 30), (60, top + 32), (56, top + 6)])
    return sketch


def swimsuit(sleeve: int, length: int, neck: int) -> Sketch:
    """Swimsuits."""
    sketch = Sketch(folds=0.4)
    dip = 104.0 if neck == 1 else 84.0
    sketch.mirror(Tone.INSIDE, [(0, 70), (30, 64), (32, 100), (0, 116)])
    sketch.both(Tone.SECOND, [(23, 34), (29, 34), (36, 84), (28, 86)], smooth=1)
    sketch.mirror(
        Tone.FABRIC,
        [
            (0, dip),
            (14, dip - 8),
            (28, 72),
            (36, 74),
            (38, 92),
            (43, 112),
            (36, 156),
            (46, 196),
            (46, 198),
            (26, 226),
            (14, 254),
            (0, 256),
        ],
    )
    sketch.line([(0, dip + 4), (15, dip - 4), (29, 77)], dark=0.24, twice=True)
    sketch.line([(44, 198), (24, 224), (13, 250)], dark=0.28, twice=True)
    sketch.line([(24, 104), (22, 150)], dark=0.1, width=2, twice=True)
    return sketch
