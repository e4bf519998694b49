"""Sketches of dresses and of other things worn from the shoulders down."""

from recsys_cli.datasets.demo.outline import Sketch, Tone
from recsys_cli.datasets.demo.tops import ROUND, Cut, collar, placket, torso


def dress(sleeve: int, length: int, neck: int) -> Sketch:
    """Dresses with a waist seam."""
    sketch = Sketch(folds=1.3)
    hem, flare = ((186, 60), (228, 68), (278, 72))[length]
    cut = Cut(top=26, hem=122, shoulder=39, chest=36, waist=32, bottom=29, neck=17, arm=21)
    sketch.mirror(Tone.FABRIC, [(0, 116), (29, 116), (29, 116), (40, 146), (flare, hem),
                                (flare, hem), (flare * 0.5, hem + 5), (0, hem + 6)])  # fmt: skip
    torso(sketch, cut, sleeve=sleeve, neck=neck)
    sketch.line([(-29, 122), (0, 126), (29, 122)], dark=0.32)
    for x, spread in ((6, 14), (15, 38), (23, 56)):
        sketch.line([(x, 128), (x + spread * 0.3, 170), (spread * flare / 66, hem + 3)],
                    dark=0.16, width=2.2, twice=True)  # fmt: skip
    return sketch


def jumpsuit(sleeve: int, length: int, neck: int) -> Sketch:
    """Jumpsuits, with wide, straight or tapered legs."""
    sketch = Sketch(folds=1.1)
    cut = Cut(top=22, hem=112, shoulder=37, chest=34, waist=31, bottom=28, neck=16, arm=20)
    ankle = (34.0, 22.0, 15.0)[length]
    sketch.both(Tone.FABRIC, [(-1, 106), (28, 106), (28, 106), (38, 146), (24 + ankle * 0.6, 280),
                              (24 + ankle * 0.6, 280), (24 - ankle * 0.6, 281),
                              (24 - ankle * 0.6, 281), (0, 166), (-1, 160)])  # fmt: skip
    torso(sketch, cut, sleeve=sleeve, neck=neck)
    sketch.mirror(Tone.SECOND, [(0, 109), (29, 107), (29, 117), (0, 120)], smooth=0)
    sketch.line([(24, 124), (26, 278)], dark=0.14, width=1.6, twice=True)
    sketch.line([(0, 120), (0, 166)], dark=0.3)
    return sketch


def bodysuit(sleeve: int, length: int, neck: int) -> Sketch:
    """Babies' bodysuits."""
    sketch = Sketch()
    cut = Cut(top=66, hem=190, shoulder=44, chest=42, waist=43, bottom=46, neck=20, arm=26)
    sketch.mirror(Tone.FABRIC, [(0, 180), (46, 180), (46, 192), (20, 226), (15, 242), (0, 244)])
    torso(sketch, cut, sleeve=max(sleeve, 1), neck=ROUND, cuff=True)
    sketch.line([(20, 64), (36, 88), (44, 96)], dark=0.3, twice=True)
    sketch.line([(46, 191), (24, 216), (15, 240)], dark=0.3, width=2.4, twice=True)
    for x in (-9, 0, 9):
        sketch.dot(Tone.TRIM, x, 236, 2.3)
    return sketch


def pyjama(sleeve: int, length: int, neck: int) -> Sketch:
    """A pyjama top above its trousers."""
    sketch = Sketch(folds=1.2)
    ankle = (24.0, 19.0, 14.0)[length]
    sketch.both(Tone.FABRIC, [(-1, 128), (33, 128), (33, 128), (41, 160), (25 + ankle, 288),
                              (25 + ankle, 288), (24 - ankle * 0.7, 288), (24 - ankle * 0.7, 288),
                              (0, 186), (-1, 180)])  # fmt: skip
    cut = Cut(top=20, hem=142, shoulder=46, chest=45, waist=45, bottom=47, neck=17, arm=25)
    torso(sketch, cut, sleeve=max(sleeve, 1), neck=ROUND)
    placket(sketch, 40, 144, 4, tone=Tone.TRIM)
    collar(sketch, 20)
    sketch.line([(-46, 143), (0, 147), (46, 143)], dark=0.5, width=2.4)
    return sketch
