"""Sketches of shoes, socks, bags, hats, jewellery and the like, written as those of tops are."""

from recsys_cli.datasets.demo.tops import ribs

STACKED = "at:0.86 24,-30 -16,52"
SIDE_BY_SIDE = "at:0.86 47,24 -47,32"
"""How the two shoes of a pair stand clear of one another."""


def socks(sleeve: int, length: int, neck: int) -> str:
    """A pair of socks."""
    top = (130, 92, 56)[length]
    sock = f"""
        area:fabric -17,{top} 17,{top}! 18,184 22,208 50,226 54,246 36,256 -4,246 -20,222 -18,184
        area:second:0 -18,{top - 2} 18,{top - 2} 18,{top + 18} -18,{top + 18}
        area:second 36,218 50,226 54,246 36,256 30,252 area:second -18,206 -4,222 -2,246 -20,226
        {ribs(range(-14, 17, 4), top, top + 17, pen="0.16:1")}"""
    return f"folds:0.8 at:1 18,0 {sock} at:1 -34,0 {sock}"


def boots(sleeve: int, length: int, neck: int) -> str:
    """Ankle boots and high boots."""
    top, sole = (134, 104, 62)[length], "trim" if neck == 1 else "dark"
    laces = " ".join(f"line:-0.6:2.4 -14,{150 + 11 * i} 0,{147 + 12 * i}" for i in range(4))
    return f"""
        folds:0.6 {SIDE_BY_SIDE}
        area:inside -43,{top - 5} -8,{top - 5} -8,{top + 8} -43,{top + 8}
        area:fabric -45,{top} -6,{top}! -3,160 10,184 42,192 57,206 58,218! -45,218! -47,170
        area:{sole}:1 -47,214 60,214! 60,225 -8,225 -10,236 -46,236 -47,236
        line:0.4 -25,{top + 4} -24,210 line:0.25 -45,{top + 9} -6,{top + 9}
        line:0.28 6,182 14,196 16,213 {laces * (neck > 1)}"""


def sneakers(sleeve: int, length: int, neck: int) -> str:
    """Low and high sneakers with laces."""
    top = 148 if length < 2 else 126
    laces = " ".join(
        f"line:-0.7:2.6 {-18 + i * 9},{y + 8} {-5 + i * 9},{y - 3}"
        for i, y in enumerate(top + 10 + i * (176 - top) / 4.5 for i in range(4))
    )
    return f"""
        folds:0.4 {STACKED}
        area:inside -48,{top - 2} -14,{top - 2} -12,{top + 12} -48,{top + 10}
        area:fabric -52,{top} -44,{top + 6} -18,{top + 2} -8,{top + 6} 16,178 50,188 60,206 58,214
            -54,214 -55,180 area:second -55,178 -36,182 -34,214 -55,214
        area:trim -58,208 62,206 66,218 58,228 -54,228 -60,218
        area:trim 40,188 54,190 63,208 40,210 {laces}
        line:0.16 -58,218 64,216 {"line:-0.4:4 -22,206 -4,190 14,206" * (neck % 2)}"""


def sandals(sleeve: int, length: int, neck: int) -> str:
    """Flat sandals with straps."""
    heel, sole = 196 if length == 2 else 206, "trim" if neck % 2 else "dark"
    return f"""
        folds:0.2 {STACKED}
        area:{sole}:1 -58,{heel} 58,206 64,214 56,220 -58,220 -60,{heel + 4}
        area:fabric 14,206 24,176 40,178 48,206 area:fabric -14,206 -4,172 10,172 6,206
        area:fabric:1 -58,{heel} -56,160 -48,160 -44,{heel}
        area:fabric -56,162 -52,156 -8,168 -8,176 -52,168
        area:metal:0 -14,164 -6,166 -8,178 -16,175"""


def heels(sleeve: int, length: int, neck: int) -> str:
    """Court shoes with a low, middling or high heel."""
    lift = (14, 28, 40)[length]
    y, arch = 206 - lift, 212 - lift / 5
    strap = f"area:second -52,{y - 40} -14,{y - 34} -14,{y - 29} -52,{y - 34}"
    return f"""
        folds:0.2 {STACKED}
        area:inside -52,{y - 20} -20,{y - 2} 20,184 8,198 -30,{y + 6}
        area:fabric -58,{y - 26} -50,{y - 24} -36,{y - 4} -4,{196 - lift / 4} 22,184 46,196 66,208
            66,212 30,214 4,{arch} -30,{y + 14} -56,{y + 10} -60,{y - 8}
        area:dark:0 -57,{y + 6} -42,{y + 10} -47,218 -53,218
        line:0.5:2.2 4,{arch + 1} 30,215 64,212 {strap * (neck == 1)}"""


def bag(sleeve: int, length: int, neck: int) -> str:
    """Shoulder bags, totes and clutches."""
    if neck in {0, 2}:
        return """
            folds:0.3 ring:second:44:78:37:70 0,130 0,130
            half:fabric:1 0,124 58,124! 68,226 66,240 0,242 line:0.4:2 -60,136 60,136
            disc:metal:4 -40,140 40,140"""
    return """
        folds:0.3
        area:second -64,148 -42,58 0,34 42,58 64,148 58,148 38,62 0,41 -38,62 -58,148
        half:fabric:1 0,138 64,138 70,146 72,220 64,232 0,234
        half:fabric:1 0,136 66,136 70,150 64,184 0,196
        line:0.45:2 -70,152 -62,184 0,196 62,184 70,152 half:metal:1 0,186 9,186 9,202 0,203"""


def beanie(sleeve: int, length: int, neck: int) -> str:
    """Knitted hats with a turn-up, some with a bobble."""
    knit = (f"line:0.16:1.4 {x * 0.35},78 {x * 0.95},120 {x * 1.08},178" for x in range(-54, 55, 9))
    return f"""
        folds:0.4 {"disc:trim:21:20 0,62" * (neck % 2)}
        half:fabric 0,72 26,76 56,110 64,160 64,200 0,202 {" ".join(knit)}
        half:second:1 0,176 66,172! 67,214! 0,220
        {ribs(range(-62, 63, 6), 176, 216, pen="0.2")}"""


def cap(sleeve: int, length: int, neck: int) -> str:
    """Caps with a curved peak."""
    return f"""
        folds:0.3
        area:second -10,172 40,166 92,184 98,198 60,204 0,196
        area:fabric -72,192 -74,150 -52,108 -14,94 26,104 50,140 56,184 0,190 -70,196
        disc:second:4 -14,95 line:0.25 -14,96 -4,130 4,188 line:0.25 -14,96 -46,130 -56,192
        line:0.22 -70,188 0,184 55,178 {"disc:trim:11:13 30,144" * (neck % 2)}"""


def scarf(sleeve: int, length: int, neck: int) -> str:
    """Scarves, looped once, with fringes."""
    end = (220, 240, 256)[length]
    fringe = (f"line:0.4:1.6 {x},{end - 22} {x - 1},{end - 2}" for x in range(-44, -9, 5))
    return f"""
        folds:1.6 {" ".join(fringe)}
        area:fabric:1 8,100 44,104 42,{end - 44} 42,{end - 26} 8,{end - 26}
        area:fabric:1 -12,100 -46,104 -46,{end - 18} -46,{end} -10,{end} -8,{end - 18}
        {ribs(range(11, 42, 5), end - 42, end - 27, pen="0.35:1.4")}
        disc:inside:46:24 0,74 ring:fabric:60:42:36:16 0,84 0,66
        line:0.2:2 -50,98 -10,118 46,104 line:0.16:2 -54,84 -8,104 52,88"""


def belt(sleeve: int, length: int, neck: int) -> str:
    """A coiled belt with its buckle in front."""
    wide = (9, 12, 16)[length]
    out, into = wide + 4, wide - 1
    return f"""
        folds:0.1 disc:inside:81:53:48 0,{146 - wide}
        ring:fabric:82:54:80:52:48 0,{150 + wide} 0,{146 - wide} at:1 -14,196
        area:metal:{neck % 2} -{out},-{out} {out},-{out} {out},{out} -{out},{out}
        area:fabric:0 -{into},-{into} {into},-{into} {into},{into} -{into},{into}
        at:1 0,0 disc:dark:1.5 12,199 22,198.1 32,195.4 42,190.9 52,184.6"""


def earring(sleeve: int, length: int, neck: int) -> str:
    """A pair of hoops, drops or studs on their hooks."""
    size = (20, 28, 36)[length]
    y, x = 108 + size, size * 0.7
    hang = f"""area:fabric 0,106 {x},{y + x} 0,{y + size * 1.4} {-x},{y + x}
               disc:trim:{size * 0.13} {-size * 0.15},{y + size * 0.45}"""
    if neck % 2:
        hang = f"ring:fabric:{size}:{size}:{size - 6}:{size - 6} 0,{y} 0,{y}"
    return f"folds:0 at:1 -48,0 48,0 ring:metal:9:15:7:13:24 0,92 0,92 {hang}"


def necklace(sleeve: int, length: int, neck: int) -> str:
    """A chain or beads with a pendant."""
    depth = (150, 180, 214)[length]
    steps, bead = (26, 4.6) if neck % 2 else (46, 2.2)
    turns = (-1 + 2 * i / steps for i in range(steps + 1))
    chain = " ".join(f"{66 * t},{50 + (depth - 50) * (1 - t * t) ** 0.8}" for t in turns)
    pendant = f"disc:metal:15:17 0,{depth + 16} disc:fabric:11:13 0,{depth + 16}"
    if neck > 1:
        pendant = f"area:fabric:1 0,{depth + 2} 14,{depth + 22} 0,{depth + 46} -14,{depth + 22}"
    return f"folds:0 disc:fabric:{bead} {chain} {pendant}"


def sunglasses(sleeve: int, length: int, neck: int) -> str:
    """Round, square or cat-eye sunglasses."""
    w, h = ((34, 32), (40, 26), (42, 34), (38, 24))[neck]
    pane = f"disc:fabric:{w}:{h}:40 46,152 -46,152 disc:dark:{w - 5}:{h - 5}:40 46,153 -46,153"
    if neck % 2:
        frame = f"8,134 46,126 {50 + w},120 {48 + w},150 {36 + w},{152 + h} 26,{154 + h} 10,160"
        lens = f"14,139 46,132 {44 + w},127 {42 + w},150 {32 + w},{147 + h} 28,{148 + h} 15,158"
        pane = f"both:fabric {frame} both:dark {lens}"
    return f"""
        folds:0 both:inside:1 {38 + w},132 {56 + w},118 {56 + w},124 {40 + w},144
        half:fabric:0 0,138 14,136 14,146 0,148 {pane}
        line:-1.2:3 34,140 52,136 line:-1.2:3 -58,140 -40,136"""
