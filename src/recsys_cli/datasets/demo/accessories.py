"""Sketches of shoes, socks, bags, hats, jewellery and other things that are not clothes."""

from recsys_cli.datasets.demo.outline import CENTRE, Points, Sketch, Tone, ellipse

STACKED = ((24, -30), (-16, 52))
SIDE_BY_SIDE = ((47, 24), (-47, 32))
SHOE_SCALE = 0.86
HIGH_DETAIL = 2
Places = tuple[tuple[int, int], tuple[int, int]]


def _placed(points: Points, dx: int, dy: int) -> Points:
    return [(x * SHOE_SCALE + dx, y * SHOE_SCALE + dy) for x, y in points]


def _pair(
    sketch: Sketch, tone: Tone, points: Points, *, smooth: int = 2, at: Places = STACKED
) -> None:
    """The same outline for both shoes of a pair, which stand clear of one another."""
    for dx, dy in at:
        sketch.add(tone, [(CENTRE + x, y) for x, y in _placed(points, dx, dy)], smooth=smooth)


def _pair_line(
    sketch: Sketch,
    points: Points,
    *,
    width: float = 1.2,
    dark: float = 0.35,
    at: Places = STACKED,
) -> None:
    for dx, dy in at:
        sketch.line(_placed(points, dx, dy), width=width, dark=dark)


def socks(sleeve: int, length: int, neck: int) -> Sketch:
    """A pair of socks."""
    sketch = Sketch(folds=0.8)
    top = (130.0, 92.0, 56.0)[length]
    for dx in (26, -26):
        leg: Points = [(-17, top), (17, top), (17, top), (18, 184), (22, 208), (50, 226),
                       (54, 246), (36, 256), (-4, 246), (-20, 222), (-18, 184)]  # fmt: skip
        sketch.add(Tone.FABRIC, [(CENTRE + x + dx - 8, y) for x, y in leg])
        cuff: Points = [(-18, top - 2), (18, top - 2), (18, top + 18), (-18, top + 18)]
        sketch.add(Tone.SECOND, [(CENTRE + x + dx - 8, y) for x, y in cuff], smooth=0)
        toe: Points = [(36, 218), (50, 226), (54, 246), (36, 256), (30, 252)]
        sketch.add(Tone.SECOND, [(CENTRE + x + dx - 8, y) for x, y in toe])
        heel: Points = [(-18, 206), (-4, 222), (-2, 246), (-20, 226)]
        sketch.add(Tone.SECOND, [(CENTRE + x + dx - 8, y) for x, y in heel])
        for x in range(-14, 17, 4):
            sketch.line([(x + dx - 8, top), (x + dx - 8, top + 17)], dark=0.16, width=1)
    return sketch


def boots(sleeve: int, length: int, neck: int) -> Sketch:
    """Ankle boots and high boots."""
    sketch = Sketch(folds=0.6)
    at = SIDE_BY_SIDE
    top = (134.0, 104.0, 62.0)[length]
    _pair(sketch, Tone.INSIDE, [(-43, top - 5), (-8, top - 5), (-8, top + 8), (-43, top + 8)],
          at=at)  # fmt: skip
    _pair(sketch, Tone.FABRIC, [(-45, top), (-6, top), (-6, top), (-3, 160), (10, 184), (42, 192),
                                (57, 206), (58, 218), (58, 218), (-45, 218), (-45, 218),
                                (-47, 170)], at=at)  # fmt: skip
    sole = Tone.TRIM if neck == 1 else Tone.DARK
    _pair(sketch, sole, [(-47, 214), (60, 214), (60, 214), (60, 225), (-8, 225), (-10, 236),
                         (-46, 236), (-47, 236)], smooth=1, at=at)  # fmt: skip
    _pair_line(sketch, [(-25, top + 4), (-24, 210)], dark=0.4, at=at)
    _pair_line(sketch, [(-45, top + 9), (-6, top + 9)], dark=0.25, at=at)
    _pair_line(sketch, [(6, 182), (14, 196), (16, 213)], dark=0.28, at=at)
    if neck >= HIGH_DETAIL:
        for i in range(4):
            _pair_line(sketch, [(-14, 150 + 11 * i), (0, 147 + 12 * i)], width=2.4, dark=-0.6,
                       at=at)  # fmt: skip
    return sketch


def sneakers(sleeve: int, length: int, neck: int) -> Sketch:
    """Low and high sneakers with laces."""
    sketch = Sketch(folds=0.4)
    top = 148.0 if length < 2 else 126.0
    _pair(sketch, Tone.INSIDE, [(-48, top - 2), (-14, top - 2), (-12, top + 12), (-48, top + 10)])
    _pair(sketch, Tone.FABRIC, [(-52, top), (-44, top + 6), (-18, top + 2), (-8, top + 6),
                                (16, 178), (50, 188), (60, 206), (58, 214), (-54, 214),
                                (-55, 180)])  # fmt: skip
    _pair(sketch, Tone.SECOND, [(-55, 178), (-36, 182), (-34, 214), (-55, 214)])
    _pair(sketch, Tone.TRIM, [(-58, 208), (62, 206), (66, 218), (58, 228), (-54, 228), (-60, 218)])
    _pair(sketch, Tone.TRIM, [(40, 188), (54, 190), (63, 208), (40, 210)])
    for i in range(4):
        x, y = -10 + i * 9, top + 10 + i * (176 - top) / 4.5
        _pair_line(sketch, [(x - 8, y + 8), (x + 5, y - 3)], width=2.6, dark=-0.7)
    _pair_line(sketch, [(-58, 218), (64, 216)], dark=0.16)
    if neck % 2:
        _pair_line(sketch, [(-22, 206), (-4, 190), (14, 206)], width=4, dark=-0.4)
    return sketch


def sandals(sleeve: int, length: int, neck: int) -> Sketch:
    """Flat sandals with straps."""
    sketch = Sketch(folds=0.2)
    high = (0.0, 0.0, 10.0)[length]
    _pair(sketch, Tone.TRIM if neck % 2 else Tone.DARK,
          [(-58, 206 - high), (58, 206), (64, 214), (56, 220), (-58, 220), (-60, 210 - high)],
          smooth=1)  # fmt: skip
    _pair(sketch, Tone.FABRIC, [(14, 206), (24, 176), (40, 178), (48, 206)])
    _pair(sketch, Tone.FABRIC, [(-14, 206), (-4, 172), (10, 172), (6, 206)])
    _pair(sketch, Tone.FABRIC, [(-58, 206 - high), (-56, 160), (-48, 160), (-44, 206 - high)],
          smooth=1)  # fmt: skip
    _pair(sketch, Tone.FABRIC, [(-56, 162), (-52, 156), (-8, 168), (-8, 176), (-52, 168)])
    _pair(sketch, Tone.METAL, [(-14, 164), (-6, 166), (-8, 178), (-16, 175)], smooth=0)
    return sketch


def heels(sleeve: int, length: int, neck: int) -> Sketch:
    """Court shoes with a low, middling or high heel."""
    sketch = Sketch(folds=0.2)
    lift = (14.0, 28.0, 40.0)[length]
    y = 206 - lift
    _pair(sketch, Tone.INSIDE, [(-52, y - 20), (-20, y - 2), (20, 184), (8, 198), (-30, y + 6)])
    _pair(sketch, Tone.FABRIC, [(-58, y - 26), (-50, y - 24), (-36, y - 4), (-4, 196 - lift / 4),
                                (22, 184), (46, 196), (66, 208), (66, 212), (30, 214),
                                (4, 212 - lift / 5), (-30, y + 14), (-56, y + 10),
                                (-60, y - 8)])  # fmt: skip
    _pair(sketch, Tone.DARK, [(-57, y + 6), (-42, y + 10), (-47, 218), (-53, 218)], smooth=0)
    _pair_line(sketch, [(4, 213 - lift / 5), (30, 215), (64, 212)], width=2.2, dark=0.5)
    if neck == 1:
        _pair(sketch, Tone.SECOND, [(-52, y - 40), (-14, y - 34), (-14, y - 29), (-52, y - 34)])
    return sketch


def bag(sleeve: int, length: int, neck: int) -> Sketch:
    """Shoulder bags, totes and clutches."""
    sketch = Sketch(folds=0.3)
    if neck in {0, 2}:
        ring = [*ellipse(CENTRE, 130, 44, 78, 40), (CENTRE + 44, 130),
                *reversed(ellipse(CENTRE, 130, 37, 70, 40))]  # fmt: skip
        sketch.parts.append((Tone.SECOND, ring))
        body: Points = [(0, 124), (58, 124), (58, 124), (68, 226), (66, 240), (0, 242)]
    else:
        strap: Points = [(-64, 148), (-42, 58), (0, 34), (42, 58), (64, 148), (58, 148), (38, 62),
                         (0, 41), (-38, 62), (-58, 148)]  # fmt: skip
        sketch.add(Tone.SECOND, [(CENTRE + x, y) for x, y in strap])
        body = [(0, 138), (64, 138), (70, 146), (72, 220), (64, 232), (0, 234)]
    sketch.mirror(Tone.FABRIC, body, smooth=1)
    if neck in {1, 3}:
        sketch.mirror(Tone.FABRIC, [(0, 136), (66, 136), (70, 150), (64, 184), (0, 196)], smooth=1)
        sketch.line([(-70, 152), (-62, 184), (0, 196), (62, 184), (70, 152)], dark=0.45, width=2)
        sketch.mirror(Tone.METAL, [(0, 186), (9, 186), (9, 202), (0, 203)], smooth=1)
    else:
        sketch.line([(-60, 136), (60, 136)], dark=0.4, width=2)
        for x in (-40, 40):
            sketch.dot(Tone.METAL, x, 140, 4)
    return sketch


def beanie(sleeve: int, length: int, neck: int) -> Sketch:
    """Knitted hats with a turn-up, some with a bobble."""
    sketch = Sketch(folds=0.4)
    if neck % 2:
        sketch.parts.append((Tone.TRIM, ellipse(CENTRE, 62, 21, 20)))
    sketch.mirror(Tone.FABRIC, [(0, 72), (26, 76), (56, 110), (64, 160), (64, 200), (0, 202)])
    for x in range(-54, 55, 9):
        sketch.line([(x * 0.35, 78), (x * 0.95, 120), (x * 1.08, 178)], dark=0.16, width=1.4)
    sketch.mirror(Tone.SECOND, [(0, 176), (66, 172), (66, 172), (67, 214), (67, 214), (0, 220)],
                  smooth=1)  # fmt: skip
    for x in range(-62, 63, 6):
        sketch.line([(x, 176), (x, 216)], dark=0.2, width=1.2)
    return sketch


def cap(sleeve: int, length: int, neck: int) -> Sketch:
    """Caps with a curved peak."""
    sketch = Sketch(folds=0.3)
    sketch.add(
        Tone.SECOND,
        [
            (CENTRE + x, y)
            for x, y in [(-10, 172), (40, 166), (92, 184), (98, 198), (60, 204), (0, 196)]
        ],
    )
    sketch.add(Tone.FABRIC, [(CENTRE + x, y) for x, y in
                             [(-72, 192), (-74, 150), (-52, 108), (-14, 94), (26, 104), (50, 140),
                              (56, 184), (0, 190), (-70, 196)]])  # fmt: skip
    sketch.dot(Tone.SECOND, -14, 95, 4)
    sketch.line([(-14, 96), (-4, 130), (4, 188)], dark=0.25)
    sketch.line([(-14, 96), (-46, 130), (-56, 192)], dark=0.25)
    sketch.line([(-70, 188), (0, 184), (55, 178)], dark=0.22)
    if neck % 2:
        sketch.add(Tone.TRIM, ellipse(CENTRE + 30, 144, 11, 13), smooth=0)
    return sketch


def scarf(sleeve: int, length: int, neck: int) -> Sketch:
    """Scarves, looped once, with fringes."""
    sketch = Sketch(folds=1.6)
    end = (220.0, 240.0, 256.0)[length]
    for x in range(-44, -9, 5):
        sketch.line([(x, end - 22), (x - 1, end - 2)], width=1.6, dark=0.4)
    left: Points = [(-12, 100), (-46, 104), (-46, end - 18), (-46, end), (-10, end), (-8, end - 18)]
    right: Points = [(8, 100), (44, 104), (42, end - 44), (42, end - 26), (8, end - 26)]
    for shape in (right, left):
        sketch.add(Tone.FABRIC, [(CENTRE + x, y) for x, y in shape], smooth=1)
    for x in range(11, 42, 5):
        sketch.line([(x, end - 42), (x, end - 27)], dark=0.35, width=1.4)
    sketch.parts.append((Tone.INSIDE, ellipse(CENTRE, 74, 46, 24)))
    loop = [*ellipse(CENTRE, 84, 60, 42, 40), (CENTRE + 60, 84),
            *reversed(ellipse(CENTRE, 66, 36, 16, 40))]  # fmt: skip
    sketch.parts.append((Tone.FABRIC, loop))
    sketch.line([(-50, 98), (-10, 118), (46, 104)], dark=0.2, width=2)
    sketch.line([(-54, 84), (-8, 104), (52, 88)], dark=0.16, width=2)
    return sketch


def belt(sleeve: int, length: int, neck: int) -> Sketch:
    """A coiled belt with its buckle in front."""
    sketch = Sketch(folds=0.1)
    wide = (9.0, 12.0, 16.0)[length]
    band = [*ellipse(CENTRE, 150 + wide, 82, 54, 48), (CENTRE + 82, 150 + wide),
            *reversed(ellipse(CENTRE, 146 - wide, 80, 52, 48))]  # fmt: skip
    hole = ellipse(CENTRE, 146 - wide, 81, 53, 48)
    sketch.parts.append((Tone.INSIDE, hole))
    sketch.parts.append((Tone.FABRIC, band))
    x0, y0 = -14.0, 196.0
    size = wide + 4
    sketch.add(Tone.METAL, [(CENTRE + x0 - size, y0 - size), (CENTRE + x0 + size, y0 - size),
                            (CENTRE + x0 + size, y0 + size), (CENTRE + x0 - size, y0 + size)],
               smooth=neck % 2)  # fmt: skip
    size -= 5
    sketch.add(Tone.FABRIC, [(CENTRE + x0 - size, y0 - size), (CENTRE + x0 + size, y0 - size),
                             (CENTRE + x0 + size, y0 + size), (CENTRE + x0 - size, y0 + size)],
               smooth=0)  # fmt: skip
    for i in range(5):
        sketch.dot(Tone.DARK, 12 + i * 10, 199 - i * i * 0.9, 1.5)
    return sketch


def earring(sleeve: int, length: int, neck: int) -> Sketch:
    """A pair of hoops, drops or studs on their hooks."""
    sketch = Sketch(folds=0.0)
    size = (20.0, 28.0, 36.0)[length]
    for x in (-48, 48):
        hook = [*ellipse(CENTRE + x, 92, 9, 15, 24), (CENTRE + x + 9, 92),
                *reversed(ellipse(CENTRE + x, 92, 7, 13, 24))]  # fmt: skip
        sketch.parts.append((Tone.METAL, hook))
        y = 108 + size
        if neck % 2:
            ring = [*ellipse(CENTRE + x, y, size, size, 40), (CENTRE + x + size, y),
                    *reversed(ellipse(CENTRE + x, y, size - 6, size - 6, 40))]  # fmt: skip
            sketch.parts.append((Tone.FABRIC, ring))
        else:
            drop: Points = [(x, 106), (x + size * 0.7, y + size * 0.7), (x, y + size * 1.4),
                            (x - size * 0.7, y + size * 0.7)]  # fmt: skip
            sketch.add(Tone.FABRIC, [(CENTRE + u, v) for u, v in drop])
            sketch.dot(Tone.TRIM, x - size * 0.15, y + size * 0.45, size * 0.13)
    return sketch


def necklace(sleeve: int, length: int, neck: int) -> Sketch:
    """A chain or beads with a pendant."""
    sketch = Sketch(folds=0.0)
    depth = (150.0, 180.0, 214.0)[length]
    steps = 46 if neck % 2 == 0 else 26
    for i in range(steps + 1):
        t = -1 + 2 * i / steps
        sketch.dot(Tone.FABRIC, 66 * t, 50 + (depth - 50) * (1 - t * t) ** 0.8, 2.2 if
                   neck % 2 == 0 else 4.6)  # fmt: skip
    if neck < 2:
        sketch.parts.append((Tone.METAL, ellipse(CENTRE, depth + 16, 15, 17)))
        sketch.parts.append((Tone.FABRIC, ellipse(CENTRE, depth + 16, 11, 13)))
    else:
        pendant: Points = [(0, depth + 2), (14, depth + 22), (0, depth + 46), (-14, depth + 22)]
        sketch.add(Tone.FABRIC, [(CENTRE + x, y) for x, y in pendant], smooth=1)
    return sketch


def sunglasses(sleeve: int, length: int, neck: int) -> Sketch:
    """Round, square or cat-eye sunglasses."""
    sketch = Sketch(folds=0.0)
    w, h = ((34.0, 32.0), (40.0, 26.0), (42.0, 34.0), (38.0, 24.0))[neck]
    sketch.both(Tone.INSIDE, [(44 + w - 6, 132), (44 + w + 12, 118), (44 + w + 12, 124),
                              (44 + w - 4, 144)], smooth=1)  # fmt: skip
    sketch.mirror(Tone.FABRIC, [(0, 138), (14, 136), (14, 146), (0, 148)], smooth=0)
    for sign in (1, -1):
        if neck in {0, 2}:
            sketch.parts.append((Tone.FABRIC, ellipse(CENTRE + sign * 46, 152, w, h, 40)))
            sketch.parts.append((Tone.DARK, ellipse(CENTRE + sign * 46, 153, w - 5, h - 5, 40)))
        else:
            frame: Points = [(8, 134), (46, 126), (50 + w, 120), (48 + w, 150), (36 + w, 152 + h),
                             (26, 154 + h), (10, 160)]  # fmt: skip
            lens: Points = [(14, 139), (46, 132), (44 + w, 127), (42 + w, 150), (32 + w, 147 + h),
                            (28, 148 + h), (15, 158)]  # fmt: skip
            sketch.add(Tone.FABRIC, [(CENTRE + sign * x, y) for x, y in frame])
            sketch.add(Tone.DARK, [(CENTRE + sign * x, y) for x, y in lens])
    sketch.line([(34, 140), (52, 136)], dark=-1.2, width=3)
    sketch.line([(-58, 140), (-40, 136)], dark=-1.2, width=3)
    return sketch
