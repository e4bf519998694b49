"""Sketches of trousers and skirts, underwear and swimwear, written as those of tops are."""

from recsys_cli.datasets.demo.tops import ribs


def _legs(top: float, hip: float, hem: float, out: float, into: float) -> str:
    """Two legs; `out` and `into` are the edges of the right hem."""
    crotch, knee = top + 74, f"{(hip + out) / 2},{(top + 74 + hem) / 2}"
    return f"""
        both:fabric -1,{top} {hip - 8},{top}! {hip},{top + 48} {knee} {out},{hem}! {into},{hem + 2}!
            2,{crotch + 8} 0,{crotch} -1,{crotch} line:0.35 0,{top + 8} 0,{crotch + 3}
        lines:0.1:2.2 {hip * 0.45},{top + 60} {(out + into) / 2},{hem} """


def _waistband(top: int, width: int, *, loops: bool = False) -> str:
    w, low = width, top + 11
    text = f"""half:second:1 0,{top + 1} {w},{top - 2}! {w + 1},{low}! 0,{top + 13}
               line:0.3 {-w},{low} 0,{top + 13} {w},{low} """
    if loops:
        belt = ribs((-w * 0.6, w * 0.6), top, top + 13, pen="0.35:2.4")
        return text + belt + f"disc:metal:2.6 0,{top + 7} "
    return text + ribs(range(4 - w, w, 5), top + 1, low, pen="0.16:1")


def trousers(sleeve: int, length: int, neck: int) -> str:
    """Trousers and jeans: wide, straight or tapered."""
    out, into = ((64, 12), (50, 14), (40, 15))[length]
    return f"""
        folds:0.8 {_legs(26, 44, 276, out, into)} {_waistband(26, 36, loops=True)}
        lines:0.32 18,40 25,56 42,62 line:0.25 8,40 8,74 0,90"""


def leggings(sleeve: int, length: int, neck: int) -> str:
    """Leggings and tights."""
    legs = _legs(26, 37, (232, 262, 280)[length], 24, 10)
    stripe = "lines:-0.4:3 34,72 28,160 22,250" * (neck % 2)
    return f"folds:0.5 {legs} {_waistband(26, 30)} {stripe}"


def shorts(sleeve: int, length: int, neck: int) -> str:
    """Shorts."""
    legs = _legs(76, 54, (176, 196, 218)[length], 64, 8)
    cords = "line:-0.5:2 -3,88 -6,116 line:-0.5:2 3,88 7,112" * (neck % 2)
    return f"{legs} {_waistband(76, 46, loops=not cords)} lines:0.3 26,90 34,110 54,118 {cords}"


def skirt(sleeve: int, length: int, neck: int) -> str:
    """Skirts from mini to maxi, straight or flared."""
    hem, flare = (170, 216, 272)[length], (50, 70, 62, 78)[neck]
    pleats = "".join(
        f"lines:0.18:2.2 {x},62 {x * 1.35},100 {share * flare},{hem + 4} "
        for x, share in ((5, 0.2), (15, 0.5), (25, 0.8))
    )
    return f"""
        folds:1.3
        half:fabric 0,52 33,52! 46,92 {flare},{hem}! {flare / 2},{hem + 6} 0,{hem + 7}
        {_waistband(46, 33)} {pleats}"""


def bra(sleeve: int, length: int, neck: int) -> str:
    """Bras and sports bras."""
    strap, front = 4, "disc:metal:2.2 0,166"
    if neck % 2:
        strap, front = 9, "half:fabric 0,128 20,122 30,150 20,178 0,182"
    return f"""
        folds:0.3 both:second:1 30,60 {30 + strap},60 {40 + strap},128 34,128
        both:fabric:1 44,140 70,158! 72,184! 30,190
        both:fabric 2,150 12,128 34,112 52,124 58,156 46,182 20,184 3,172
        half:second:1 0,170 12,178 48,180 72,178 72,190 40,194 0,192
        {front} lines:0.18 6,150 30,162 54,150 lines:0.3 6,176 24,184 46,180 57,158"""


def bikini(sleeve: int, length: int, neck: int) -> str:
    """Triangle bikini tops."""
    return """
        folds:0.3
        both:second:0 8,44 11,44 34,112 30,114 both:second:0 48,178 96,168 96,172 48,184
        both:fabric 31,106 33,106 60,180 60,182 6,184 5,180
        half:second:0 0,178 60,178 60,184 0,185 lines:0.18:1.6 32,112 34,176"""


def briefs(sleeve: int, length: int, neck: int) -> str:
    """Briefs and bikini bottoms, with a high, mid or low waist."""
    top = (92, 112, 126, 92)[neck]
    ties = f"both:second 58,{top + 2} 66,{top + 30} 60,{top + 32} 56,{top + 6}" * (length == 0)
    return f"""
        folds:0.4 half:inside:1 0,{top - 3} 56,{top - 6} 58,{top + 10} 0,{top + 16}
        half:fabric 0,{top + 8} 30,{top + 5} 58,{top - 4}! 64,152 64,154 34,178 15,206 12,214 0,215
        lines:0.28 0,{top + 13} 30,{top + 10} 58,{top + 2} lines:0.3 61,152 32,175 12,204
        line:0.2 -14,192 0,188 14,192 {ties}"""


def swimsuit(sleeve: int, length: int, neck: int) -> str:
    """Swimsuits."""
    dip = 104 if neck == 1 else 84
    return f"""
        folds:0.4 half:inside 0,70 30,64 32,100 0,116
        both:second:1 23,34 29,34 36,84 28,86
        half:fabric 0,{dip} 14,{dip - 8} 28,72 36,74 38,92 43,112 36,156 46,196 46,198 26,226
            14,254 0,256 lines:0.24 0,{dip + 4} 15,{dip - 4} 29,77
        lines:0.28 44,198 24,224 13,250 lines:0.1:2 24,104 22,150"""
