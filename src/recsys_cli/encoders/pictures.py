"""Picture files to prepared arrays, in worker processes that keep ahead of the model.

Workers know Pillow and numpy alone, so starting one takes a fraction of a second and they never
load torch. They are spawned, not forked: torch's threads do not survive a fork.
"""

from __future__ import annotations

import io
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys_cli.encoders.cache import Key, content_key
from recsys_cli.encoders.contract import Picture, Prepare
from recsys_cli.errors import DataError, RecsysError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
"""What is opened, of all that Pillow could: shops use no other, and each further decoder is one
more that a hostile file may reach (EPS would start Ghostscript)."""
PER_TASK = 16
_TASKS_AHEAD = 4
"""Tasks per worker that may wait for the model: bounds the memory, keeps workers busy."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture to prepare; `key` is what its bytes should hash to."""

    path: Path
    key: Key


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a picture was not prepared.

    Attributes:
        reason: in words.
        lasting: whether these very bytes can never be prepared, so that it is not tried again.
    """

    reason: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class ResizeCrop:
    """Resize as CLIP models expect it; see `open_clip.transform.image_transform`.

    Attributes:
        size: width and height of the result.
        mode: "shortest" scales the shorter side and crops the centre, "longest" scales the
            longer side and pads, "squash" ignores the proportions.
        resample: Pillow's number of the filter.
        fill: grey value of the padding.
    """

    size: tuple[int, int]
    mode: str
    resample: int
    fill: int = 0

    def __call__(self, image: Image) -> Picture:
        """(height, width, 3) uint8 from an RGB image."""
        from PIL import Image as Pillow

        width, height = self.size
        if self.mode == "squash":
            resized = image.resize(self.size, self.resample)
            return np.asarray(resized)
        ratios = (width / image.width, height / image.height)
        scale = max(ratios) if self.mode == "shortest" else min(ratios)
        if self.mode == "shortest" and width == height:
            # As torchvision does it: the longer side is cut down, not rounded.
            scaled = (
                (width, int(height * image.height / image.width))
                if image.width <= image.height
                else (int(width * image.width / image.height), height)
            )
        else:
            scaled = (round(image.width * scale), round(image.height * scale))
        resized = image.resize(scaled, self.resample)
        canvas = Pillow.new("RGB", self.size, (self.fill,) * 3)
        canvas.paste(resized, (_offset(scaled[0], width), _offset(scaled[1], height)))
        return np.asarray(canvas)


def _offset(length: int, room: int) -> int:
    return (room - length) // 2 if length < room else -round((length - room) / 2)


def load_picture(data: bytes, prepare: Prepare) -> Picture:
    """Decode and prepare a picture.

    Transparent parts become white, as on a shop's page; EXIF orientation is applied.

    Raises:
        DataError: the bytes are not a whole picture, or it has too many pixels.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps

    with warnings.catch_warnings():
        # Pillow complains about odd metadata, which does not matter, and about a picture that
        # would take gigabytes once decoded, which does.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Pillow.DecompressionBombWarning)
        try:
            with Pillow.open(io.BytesIO(data), formats=FORMATS) as image:
                # JPEG decodes to an eighth, a quarter or a half at little cost; twice the size
                # wanted leaves the encoder's own filter something to work with.
                width, height = prepare.size
                image.draft("RGB", (2 * width, 2 * height))
                upright = ImageOps.exif_transpose(image)
                return prepare(_to_rgb(upright))
        except (Pillow.DecompressionBombWarning, Pillow.DecompressionBombError):
            raise DataError("it has too many pixels") from None
        except Exception as error:
            # Decoders of damaged files fail in as many ways as there are formats.
            raise DataError(unreadable(error, data)) from error


def media_type(head: bytes) -> str | None:
    """What a file that begins with these 12 bytes is sent as; None for none of `FORMATS`."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return None


def unreadable(error: Exception, data: bytes) -> str:
    """Why Pillow could not read a picture, in words."""
    from PIL import UnidentifiedImageError

    if not data:
        return "the file is empty"
    if isinstance(error, UnidentifiedImageError):
        return f"it is not a picture in a known format ({', '.join(FORMATS)})"
    return str(error) or type(error).__name__


def _to_rgb(image: Image) -> Image:
    from PIL import Image as Pillow

    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Pillow.new("RGBA", layer.size, "white")
        return Pillow.alpha_composite(white, layer).convert("RGB")
    if image.mode.startswith("I;16") or image.mode == "I":
        # Converting clips 16-bit grey to white.
        grey = np.asarray(image, np.float32) / 257
        return Pillow.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def prepare_all(
    files: Sequence[PictureFile], prepare: Prepare, *, workers: int
) -> Iterator[Picture | Failure]:
    """Prepare pictures, in order.

    Args:
        files: the pictures.
        prepare: the encoder's first step.
        workers: processes; 0 works in this one. A script that asks for processes needs the
            usual `if __name__ == "__main__":` guard.

    Raises:
        RecsysError: a worker died.
    """
    if workers < 1:
        yield from (_prepare_one(file, prepare) for file in files)
        return
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    waiting: deque[Future[list[Picture | Failure]]] = deque()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
    try:
        for start in range(0, len(files), PER_TASK):
            waiting.append(pool.submit(_prepare_group, files[start : start + PER_TASK], prepare))
            if len(waiting) >= workers * _TASKS_AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise RecsysError(
            "a process that decodes pictures died; it may have run out of memory",
            hint="run again: it goes on where it stopped; fewer threads need less memory",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_group(files: Sequence[PictureFile], prepare: Prepare) -> list[Picture | Failure]:
    return [_prepare_one(file, prepare) for file in files]


def _prepare_one(file: PictureFile, prepare: Prepare) -> Picture | Failure:
    try:
        data = file.path.read_bytes()
    except OSError as error:
        return Failure((error.strerror or type(error).__name__).lower(), lasting=False)
    if content_key(data) != file.key:
        return Failure("it changed while it was being read", lasting=False)
    try:
        return load_picture(data, prepare)
    except DataError as error:
        return Failure(error.message, lasting=True)


def start_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it even if it is killed.

    A pool's workers hold both ends of their queue, so they would wait for a dead parent for ever.
    """
    from multiprocessing import connection, parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def follow() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
