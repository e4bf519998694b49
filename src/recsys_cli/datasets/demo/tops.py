"""Sketches of tops, knitwear, jackets, coats and dresses.

Each takes the small numbers that the description is written from and gives the text that
`outline.read` draws: points in pixels of the finished picture, x counted from the centre line.
"""

from collections.abc import Iterable

ROUND, VEE, BOAT, HIGH = range(4)
CUTS = {
    # top, shoulder, chest, waist, bottom, throat, width of the sleeve, cuffs
    "tee": (46, 46, 45, 43, 46, 19, 24, False),
    "shirt": (46, 48, 47, 45, 48, 17, 24, True),
    "sweater": (46, 51, 50, 50, 46, 19, 30, True),
    "cardigan": (46, 49, 48, 47, 46, 19, 28, True),
    "hoodie": (54, 52, 52, 51, 47, 19, 31, True),
    "blazer": (46, 50, 47, 42, 51, 19, 27, False),
    "jacket": (46, 54, 53, 51, 49, 19, 31, True),
    "coat": (30, 50, 48, 47, 60, 19, 28, False),
    "dress": (26, 39, 36, 32, 29, 17, 21, False),
    "jumpsuit": (22, 37, 34, 31, 28, 16, 20, False),
    "bodysuit": (66, 44, 42, 43, 46, 20, 26, True),
    "pyjama": (20, 46, 45, 45, 47, 17, 25, False),
}


def torso(cut: str, hem: float, *, sleeve: int = 2, neck: int = ROUND, wider: float = 0) -> str:
    """Sleeves (0 none, 1 short, 2 long) and a body, with y counted from its top."""
    top, s, c, waist, bottom, throat, arm, cuff = CUTS[cut]
    width, end = throat + 9 * (neck == BOAT), hem - top
    depth = (20, 42, 10, 6)[neck]
    edge = f"0,{depth}! {width * 0.45},{depth * (0.55 if neck == VEE else 0.92)} {width},-3!"
    back = f"half:inside 0,-3 {width},-4 {width},4 0,{depth + 4}"
    if neck == HIGH:
        back = f"half:second 0,-13 {width - 3},-13 {width},6 0,12"
    text = f"at:1 0,{top} {back} "
    if sleeve:
        x, y = (s + 27, 66) if sleeve == 1 else (s + 33, 172)
        u, v = (x - arm, 78) if sleeve == 1 else (x - 0.78 * arm, 177)
        text += f"""both:fabric {s - 14},3 {s + 3},10 {s + 12},34 {x},{y}! {u},{v}! {c - 3},62!
                    lines:0.28 {s - 4},7 {s - 6},34 {c - 3},62 """
        if sleeve > 1:
            text += f"lines:0.12:2.5 {s + 3},78 {s + 14},100 "
            text += f"both:second:1 {x},{y}! {x - 3},{y - 15} {u - 3},{v - 15} {u},{v}! " * cuff
    inset = 0 if sleeve else 10
    text += f"""half:fabric {edge} {s - inset},8! {s - 7 - inset / 2},36 {c},62 {c},64
                            {waist},{end / 2 + 6} {bottom + wider},{end}! 0,{end + 4} """
    if neck != HIGH:
        text += f"at:1 0,{top + 3} lines:0.22 {edge} "
    return text + "at:1 0,0 "


def ribs(places: Iterable[float], start: float, end: float, *, pen: str) -> str:
    """Upright lines from one height to another."""
    return "".join(f"line:{pen} {x},{start} {x},{end} " for x in places)


def _hem_band(hem: float, bottom: float, height: float = 15) -> str:
    return f"""half:second:1 0,{hem - height + 3} {bottom - 1},{hem - height}!
                             {bottom},{hem}! 0,{hem + 4} """


def placket(start: float, end: float, buttons: int, tone: str = "trim") -> str:
    """A row of buttons between two seams, from one height to another."""
    step = (end - start - 14) / (buttons - 1)
    places = " ".join(f"0.5,{start + 8 + i * step}" for i in range(buttons))
    return ribs((-4, 5), start, end, pen="0.22") + f"disc:{tone}:2.1 {places} "


def collar(top: float, *, spread: float = 17, drop: float = 24) -> str:
    """A turned-down collar around a neck at height `top`."""
    x, y, end = spread - 5, top + drop, top + 3
    return f"""both:second:1 0,{top + 10}! {spread + 2},{top - 7} {spread + 5},{end} {x},{y}!
               lines:0.25:1.2:0 1,{top + 11} {x},{y} {spread + 4},{end} """


def _lapels(top: float, end: float) -> str:
    edge = f"23,{top + 2} 28,{top + 30} 20,{top + 36} 25,{top + 44} 2,{end}"
    return f"""half:trim:1 0,{top} 15,{top - 4} 11,{top + 30} 0,{end - 8}
               both:second:1 14,{top - 7} {edge} 0,{end} lines:0.3:1.2:1 {edge} """


def tee(sleeve: int, length: int, neck: int) -> str:
    """T-shirts and tops."""
    hem, x = (216, 232, 246)[length], (42, 45, 48)[length]
    body = torso("tee", hem, sleeve=max(sleeve, 1), neck=neck, wider=x - 45)
    return f"{body} line:0.2 {-x},{hem - 5} 0,{hem - 1} {x},{hem - 5} "


def vest(sleeve: int, length: int, neck: int) -> str:
    """Vest tops with narrow straps."""
    hem, dip = (206, 222, 238)[length], 92 if neck == VEE else 82
    return f"""
        half:inside 0,66 27,62 27,86 0,92 both:fabric:1 22,44 29,44 35,84 26,88
        half:fabric 0,{dip} 12,{dip - 4} 25,74 34,74 35,90 43,112 40,160 46,{hem}! 0,{hem + 4}
        lines:0.22 0,{dip + 4} 12,{dip} 26,79"""


def shirt(sleeve: int, length: int, neck: int) -> str:
    """Shirts and blouses with a collar and buttons."""
    hem = (232, 242, 254)[length]
    body = torso("shirt", hem, sleeve=max(sleeve, 1)) + placket(64, hem, 6) + collar(46)
    pocket = "line:0.2:1.2:0 16,104 36,104 36,128 26,133 16,128 16,104"
    return body + pocket * (neck in {ROUND, BOAT})


def polo(sleeve: int, length: int, neck: int) -> str:
    """Polo shirts."""
    return tee(sleeve, length, ROUND) + placket(60, 104, 3) + collar(46, spread=18, drop=22)


def sweater(sleeve: int, length: int, neck: int) -> str:
    """Sweaters with ribbed cuffs and hem."""
    hem = (222, 234, 248)[length]
    rib = ribs(range(-40, 41, 5), hem - 12, hem + 2, pen="0.14:1")
    return "folds:1.4 " + torso("sweater", hem, neck=neck) + _hem_band(hem, 46) + rib


def cardigan(sleeve: int, length: int, neck: int) -> str:
    """Cardigans, buttoned down the front."""
    hem = (214, 232, 256)[length]
    front = placket(92, hem + 2, 5, "metal")
    return "folds:1.3 " + torso("cardigan", hem, neck=VEE) + _hem_band(hem, 46) + front


def hoodie(sleeve: int, length: int, neck: int) -> str:
    """Hoodies with a kangaroo pocket and drawstrings."""
    hem = (230, 240, 250)[length]
    return f"""
        folds:1.2 half:inside 0,30 22,34 25,62 0,78 {torso("hoodie", hem)} {_hem_band(hem, 47)}
        both:fabric 0,26 26,32 33,62 0,86 0,80 22,62 17,42 0,38 lines:0.3 0,38 17,42 22,62 0,80
        lines:-0.5:2 7,80 8,118 lines:0.3:1.2:0 0,172 20,172 34,206 34,222"""


def blazer(sleeve: int, length: int, neck: int) -> str:
    """Blazers with lapels."""
    hem = (226, 240, 254)[length]
    return f"""
        folds:0.6 {torso("blazer", hem)} {_lapels(46, 150)} line:0.4 1,150 2,200 10,{hem}
        disc:dark:2.8 -2,160 lines:0.35:1.6 15,196 35,193"""


def jacket(sleeve: int, length: int, neck: int) -> str:
    """Zipped jackets; the long ones are quilted."""
    hem = (214, 226, 240)[length]
    quilts = "".join(
        f"line:0.2:1.8 -52,{y} 0,{y + 4} 52,{y} line:-0.1:3 -52,{y + 4} 0,{y + 8} 52,{y + 4} "
        for y in range(84, hem - 16, 24)
    )
    return f"""
        folds:0.8 {torso("jacket", hem, neck=HIGH)} {_hem_band(hem, 49, 12)}
        line:0.5:2.4 0,38 0,{hem + 3} line:-0.35:0.9 1.6,40 1.6,{hem} {quilts * (length > 0)}
        lines:0.35:1.6 15,190 35,187"""


def coat(sleeve: int, length: int, neck: int) -> str:
    """Coats with wide lapels, knee-length and longer."""
    hem = (242, 260, 278)[length]
    belt = "half:second:0 0,148 47,146 48,158 0,161 half:metal:0 0,147 8,147 8,161 0,161"
    return f"""
        folds:0.8 {torso("coat", hem)} {_lapels(30, 124)} line:0.4 1,124 1,{hem + 3}
        disc:dark:2.8 -9,136 10,136 -9,162 10,162 -9,188 10,188
        lines:0.35:1.6 18,200 40,197 {belt * (neck in {VEE, HIGH})}"""


def dress(sleeve: int, length: int, neck: int) -> str:
    """Dresses with a waist seam."""
    hem, flare = ((186, 60), (228, 68), (278, 72))[length]
    pleats = "".join(
        f"lines:0.16:2.2 {x},128 {x + spread * 0.3},170 {spread * flare / 66},{hem + 3} "
        for x, spread in ((6, 14), (15, 38), (23, 56))
    )
    return f"""
        folds:1.3
        half:fabric 0,116 29,116! 40,146 {flare},{hem}! {flare * 0.5},{hem + 5} 0,{hem + 6}
        {torso("dress", 122, sleeve=sleeve, neck=neck)} line:0.32 -29,122 0,126 29,122 {pleats}"""


def jumpsuit(sleeve: int, length: int, neck: int) -> str:
    """Jumpsuits, with wide, straight or tapered legs."""
    half = (34, 22, 15)[length] * 0.6
    return f"""
        folds:1.1
        both:fabric -1,106 28,106! 38,146 {24 + half},280! {24 - half},281! 0,166 -1,160
        {torso("jumpsuit", 112, sleeve=sleeve, neck=neck)}
        half:second:0 0,109 29,107 29,117 0,120
        lines:0.14:1.6 24,124 26,278 line:0.3 0,120 0,166"""


def bodysuit(sleeve: int, length: int, neck: int) -> str:
    """Babies' bodysuits."""
    return f"""
        half:fabric 0,180 46,180 46,192 20,226 15,242 0,244
        {torso("bodysuit", 190, sleeve=max(sleeve, 1))}
        lines:0.3 20,64 36,88 44,96 lines:0.3:2.4 46,191 24,216 15,240
        disc:trim:2.3 -9,236 0,236 9,236"""


def pyjama(sleeve: int, length: int, neck: int) -> str:
    """A pyjama top above its trousers."""
    ankle = (24, 19, 14)[length]
    return f"""
        folds:1.2
        both:fabric -1,128 33,128! 41,160 {25 + ankle},288! {24 - ankle * 0.7},288! 0,186 -1,180
        {torso("pyjama", 142, sleeve=max(sleeve, 1))} {placket(40, 144, 4)} {collar(20)}
        line:0.5:2.4 -46,143 0,147 46,143"""
