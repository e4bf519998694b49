"""Pictures: skipped where they can't be used, encoded once, decoded ahead by processes."""

import io
import os
import re
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encoders.conftest import scene
from encoders.fakes import FakeImage
from recsys_cli.encoders import EmbeddingCache, embed_images, encode_picture, load_image_encoder
from recsys_cli.encoders import embed as embed_module
from recsys_cli.encoders.cache import content_key
from recsys_cli.encoders.histogram import Histograms
from recsys_cli.encoders.pictures import PictureFile, load_picture, media_type, prepare_all
from recsys_cli.errors import DataError, RecsysError


def names(folder: Path) -> list[Path]:
    return [Path(path.name) for path in sorted(folder.iterdir())]


def huge_png(side: int) -> bytes:
    """A valid header that promises side × side pixels."""

    def block(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", head) + block(b"IDAT", b"") + block(b"IEND", b"")


def saved(kind: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(data, kind)
    return data.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
PREPARE = load_image_encoder("histogram").prepare
OTHERS = ("BMP", "TIFF", "ICO", "PPM", "PCX", "TGA", "SGI", "DDS", "MSP", "XBM", "JPEG2000")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_four_formats_are_read(kind):
    data = saved(kind)
    load_picture(data, PREPARE)
    assert media_type(data[:12]) == f"image/{kind.lower()}"


@pytest.mark.parametrize("kind", [*OTHERS, "EPS"])
def test_no_other_format_reaches_its_decoder(kind):
    Image.init()
    if kind != "EPS" and kind not in Image.SAVE:
        pytest.skip(f"Pillow does not write {kind} here")
    grey = {"MSP": "1", "XBM": "1"}.get(kind, "RGB")
    data = io.BytesIO()
    if kind == "EPS":
        data.write(EPS)
    else:
        Image.new(grey, (40, 30)).save(data, kind)
    with pytest.raises(DataError, match="not a picture in a known format"):
        load_picture(data.getvalue(), PREPARE)
    assert media_type(data.getvalue()[:12]) is None


def test_of_many_frames_the_first_is_read():
    frames = [Image.new("P", (4, 4), number % 256) for number in range(20_000)]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    started = time.monotonic()
    load_picture(data.getvalue(), PREPARE)
    assert time.monotonic() - started < 1


def test_pictures_are_opened_in_those_formats_alone():
    for file in (Path(__file__).parents[2] / "src").rglob("*.py"):
        for call in re.findall(r"\b(?:Image|Pillow)\.open\(.*", file.read_text()):
            assert "formats=FORMATS" in call, file


@pytest.fixture
def damaged(folder_of_pictures) -> Path:
    whole = (folder_of_pictures / "03.jpg").read_bytes()
    (folder_of_pictures / "03.jpg").write_bytes(whole[: len(whole) // 2])
    (folder_of_pictures / "04.jpg").write_bytes(b"")
    (folder_of_pictures / "05.jpg").write_text("<html>404</html>")
    (folder_of_pictures / "06.jpg").write_bytes(huge_png(20_000))
    (folder_of_pictures / "07.jpg").write_bytes(huge_png(12_000))
    Image.new("RGB", (8, 8)).save(folder_of_pictures / "08.jpg", "BMP")
    return folder_of_pictures


def test_pictures_that_cannot_be_used_are_listed_with_the_reason(damaged, cache):
    files = [*names(damaged), Path("none.jpg"), None]
    found = embed_images(files, FakeImage(), cache, root=damaged)
    reasons = dict(found.skipped)
    assert list(reasons) == [f"0{n}.jpg" for n in range(3, 9)] + ["none.jpg"]
    assert "truncated" in reasons["03.jpg"]
    assert reasons["04.jpg"] == "the file is empty"
    assert "not a picture" in reasons["05.jpg"] == reasons["08.jpg"]
    assert "too many pixels" in reasons["06.jpg"] == reasons["07.jpg"]
    assert reasons["none.jpg"] == "there is no such file"
    assert np.flatnonzero(~found.has).tolist() == [3, 4, 5, 6, 7, 8, 20, 21]
    assert (found.encoded, found.reused) == (14, 0)


def test_second_run_decodes_nothing_and_lists_the_same(damaged, cache):
    files = [*names(damaged), Path("none.jpg")]
    first = embed_images(files, FakeImage(), cache, root=damaged)
    encoder = FakeImage()
    encoder.prepare = None
    second = embed_images(files, encoder, cache, root=damaged)
    assert encoder.encoded == second.encoded == 0
    assert second.reused == 14
    assert second.skipped == first.skipped
    assert second.vectors.tobytes() == first.vectors.tobytes()


def test_a_mended_and_a_changed_picture_are_encoded_again(damaged, cache):
    files = names(damaged)
    embed_images(files, FakeImage(), cache, root=damaged)
    scene(99).save(damaged / "03.jpg")
    scene(98).save(damaged / "10.jpg")
    found = embed_images(files, FakeImage(), cache, root=damaged)
    assert (found.encoded, found.reused) == (2, 13)
    assert found.has[3]
    assert "03.jpg" not in dict(found.skipped)


def test_equal_pictures_are_encoded_once(folder_of_pictures, cache):
    copy = folder_of_pictures / "copy.jpg"
    copy.write_bytes((folder_of_pictures / "02.jpg").read_bytes())
    files = [Path("02.jpg"), Path("copy.jpg"), Path("02.jpg"), None]
    found = embed_images(files, FakeImage(), cache, root=folder_of_pictures)
    assert found.encoded == 1
    assert found.has.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(found.vectors[0], found.vectors[1])


def test_unchanged_files_are_not_read_again(folder_of_pictures, cache, monkeypatch):
    files = names(folder_of_pictures)
    embed_images(files, FakeImage(), cache, root=folder_of_pictures)
    monkeypatch.setattr("recsys_cli.encoders.filehashes.sha256", lambda path: pytest.fail("read"))
    assert embed_images(files, FakeImage(), cache, root=folder_of_pictures).reused == 20


def test_resumed_after_a_failure_in_the_middle(folder_of_pictures, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(embed_module, "PICTURES_PER_CHUNK", 6)
    files = names(folder_of_pictures)
    expected = embed_images(
        files, FakeImage(), EmbeddingCache(tmp_path / "b"), root=folder_of_pictures
    )

    class Dies(FakeImage):
        def encode(self, batch):
            if self.encoded >= 12:
                raise KeyboardInterrupt
            return super().encode(batch)

    with pytest.raises(KeyboardInterrupt):
        embed_images(files, Dies(), cache, root=folder_of_pictures)
    found = embed_images(files, FakeImage(), cache, root=folder_of_pictures)
    assert (found.encoded, found.reused) == (8, 12)
    assert found.vectors.tobytes() == expected.vectors.tobytes()


def test_processes_give_the_same_as_none(damaged, tmp_path, monkeypatch):
    monkeypatch.setattr(embed_module, "_WORTH_WORKERS", 1)
    monkeypatch.setattr("recsys_cli.encoders.pictures.PER_TASK", 3)
    files, encoder = names(damaged), load_image_encoder("histogram")
    alone, helped = (
        embed_images(files, encoder, EmbeddingCache(tmp_path / str(n)), root=damaged, workers=n)
        for n in (0, 2)
    )
    assert helped.vectors.tobytes() == alone.vectors.tobytes()
    assert helped.skipped == alone.skipped


class Dies:
    size = (10, 10)

    def __call__(self, image):
        os._exit(1)


class Hangs:
    """Leaves its process id behind and works for ever."""

    size = (10, 10)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, image):
        (self.folder / str(os.getpid())).touch()
        time.sleep(600)


def test_a_worker_that_dies_is_an_error_not_a_hang(folder_of_pictures):
    path = folder_of_pictures / "00.jpg"
    source = PictureFile(path, content_key(path.read_bytes()))
    with pytest.raises(RecsysError, match="decodes pictures died"):
        list(prepare_all([source], Dies(), workers=1))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_workers_end_with_a_parent_that_is_killed(folder_of_pictures, tmp_path):
    path, pids = folder_of_pictures / "00.jpg", tmp_path / "pids"
    pids.mkdir()
    script = tmp_path / "script.py"
    script.write_text(f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from encoders.test_pictures import Hangs
from recsys_cli.encoders.cache import content_key
from recsys_cli.encoders.pictures import PictureFile, prepare_all
path = Path({str(path)!r})
source = PictureFile(path, content_key(path.read_bytes()))
if __name__ == "__main__":
    list(prepare_all([source] * 64, Hangs(Path({str(pids)!r})), workers=2))
""")
    parent = subprocess.Popen([sys.executable, str(script)])
    wait_for(lambda: len(list(pids.iterdir())) == 2 or parent.poll() is not None)
    workers = [int(pid.name) for pid in pids.iterdir()]
    parent.kill()
    parent.wait()
    assert len(workers) == 2
    wait_for(lambda: not any(map(is_running, workers)))
    assert not any(map(is_running, workers))


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_file_that_changed_since_it_was_hashed_is_left_for_next_time(folder_of_pictures, cache):
    class Meddles(FakeImage):
        @property
        def prepare(self):
            scene(50).save(folder_of_pictures / "00.jpg")
            return Histograms()

    files = names(folder_of_pictures)
    found = embed_images(files, Meddles(), cache, root=folder_of_pictures)
    assert dict(found.skipped) == {"00.jpg": "it changed while it was being read"}
    again = embed_images(files, FakeImage(), cache, root=folder_of_pictures)
    assert (again.encoded, again.reused, again.skipped) == (1, 19, ())


def as_bytes(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


class Raw:
    size = (8, 8)

    def __call__(self, image):
        return np.asarray(image.resize((8, 8)))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "1", "I;16", "RGBA", "LA"])
def test_every_mode_becomes_rgb(mode):
    grey = Image.new("L", (8, 8), 128 if mode != "1" else 255)
    image = (
        Image.fromarray(np.full((8, 8), 128 * 257, np.uint16))
        if mode == "I;16"
        else grey.convert(mode)
    )
    kind = "JPEG" if mode == "CMYK" else "PNG"
    found = load_picture(as_bytes(image, kind), Raw())
    assert found.shape == (8, 8, 3)
    np.testing.assert_allclose(found, 255 if mode == "1" else 128, atol=2)


def test_transparent_is_white():
    assert (load_picture(as_bytes(Image.new("RGBA", (8, 8), (9, 9, 9, 0))), Raw()) == 255).all()


def test_exif_orientation_is_applied():
    image = Image.new("RGB", (8, 8), "white")
    image.paste("black", (0, 0, 8, 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = load_picture(as_bytes(image, "JPEG", exif=exif, quality=95), Raw())
    assert turned[:, 5:].mean() < 20
    assert turned[:, :3].mean() > 235


def test_the_picture_of_a_query(folder_of_pictures, cache):
    encoder = load_image_encoder("histogram")
    query = encode_picture(folder_of_pictures / "05.jpg", encoder)
    found = embed_images(names(folder_of_pictures), encoder, cache, root=folder_of_pictures)
    assert query.shape == (1, encoder.dim)
    assert int(np.argmax(found.vectors @ query[0])) == 5
    (folder_of_pictures / "x.jpg").write_text("hello")
    with pytest.raises(DataError, match=r"x\.jpg: it is not a picture"):
        encode_picture(folder_of_pictures / "x.jpg", encoder)
    with pytest.raises(DataError, match=r"y\.jpg: No such file"):
        encode_picture(folder_of_pictures / "y.jpg", encoder)
