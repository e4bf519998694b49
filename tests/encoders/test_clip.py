"""A small CLIP with random weights through the real open_clip."""

import numpy as np
import pytest
from PIL import Image

from encoders.conftest import ARCHITECTURE, need, scene
from recsys_cli.encoders import embed_images, load_image_encoder
from recsys_cli.encoders.contract import TextTower
from recsys_cli.encoders.pictures import ResizeCrop
from recsys_cli.encoders.torchload import import_beside_torch

PICTURES = [scene(number, size) for number, size in enumerate([(60, 80), (80, 60), (33, 300)])]


@pytest.fixture(scope="module")
def reference(tiny_clip_checkpoint, tiny_clip):
    """Model and transform as open_clip itself makes them."""
    open_clip = import_beside_torch("open_clip")
    assert tiny_clip.dim == 32  # registers the architecture
    model, _, transform = open_clip.create_model_and_transforms(
        ARCHITECTURE, str(tiny_clip_checkpoint)
    )
    return model.eval(), transform


@pytest.mark.slow
def test_pictures_are_encoded_as_open_clip_does(tiny_clip, reference):
    import torch

    model, transform = reference
    with torch.inference_mode():
        theirs = model.encode_image(torch.stack([transform(p) for p in PICTURES]), normalize=True)
    ours = tiny_clip.encode([tiny_clip.prepare(picture) for picture in PICTURES])
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


def test_texts_are_encoded_as_open_clip_does(tiny_clip, reference):
    import torch

    open_clip = import_beside_torch("open_clip")
    texts = ["red dress", "running shoes"]
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(ARCHITECTURE)(texts)
        theirs = reference[0].encode_text(tokens, normalize=True)
    assert isinstance(tiny_clip, TextTower)
    ours = tiny_clip.encode_text(texts)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)
    assert tiny_clip.encode_text([]).shape == tiny_clip.encode([]).shape == (0, 32)


def test_histograms_have_no_text_tower():
    assert not isinstance(load_image_encoder("histogram"), TextTower)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_resizing_is_open_clips(mode, size):
    need("open_clip")
    open_clip = import_beside_torch("open_clip")
    width, height = size
    transform = open_clip.image_transform(
        (height, width),
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode=mode,
        fill_color=7,
    )
    prepare = ResizeCrop(size, mode, int(Image.Resampling.BICUBIC), fill=7)
    for picture in PICTURES:
        theirs = transform(picture).permute(1, 2, 0).numpy() * 255
        np.testing.assert_allclose(prepare(picture), theirs, atol=1e-3)


def test_bf16_agrees_with_fp32(tiny_clip, tiny_clip_checkpoint):
    small = load_image_encoder(
        f"open_clip:{ARCHITECTURE}/{tiny_clip_checkpoint}", dtype="bf16", device="cpu"
    )
    batch = [tiny_clip.prepare(picture) for picture in PICTURES]
    assert (small.encode(batch) * tiny_clip.encode(batch)).sum(axis=1).min() > 0.99
    assert (small.encode_text(["a"]) * tiny_clip.encode_text(["a"])).sum() > 0.99
    assert small.facts["bf16_cosine"] > 0.99
    assert small.facts["precision"] == "bf16"


def test_a_folder_with_a_damaged_picture(tiny_clip, folder_of_pictures, cache):
    files = sorted(folder_of_pictures.iterdir())
    files[4].write_bytes(files[4].read_bytes()[:300])
    first = embed_images(files, tiny_clip, cache)
    assert first.vectors.shape == (20, 32)
    assert np.flatnonzero(~first.has).tolist() == [4]
    assert [skipped.file for skipped in first.skipped] == [files[4].as_posix()]
    second = embed_images(files, tiny_clip, cache)
    assert (second.encoded, second.reused) == (0, 19)
    assert second.vectors.tobytes() == first.vectors.tobytes()


def test_other_weights_are_another_encoder(tiny_clip, tiny_clip_checkpoint, tmp_path):
    import torch

    weights = torch.load(tiny_clip_checkpoint, weights_only=True)
    weights["logit_scale"] += 1
    torch.save(weights, tmp_path / "weights.pt")
    (tmp_path / f"{ARCHITECTURE}.json").write_text(
        tiny_clip_checkpoint.with_name(f"{ARCHITECTURE}.json").read_text()
    )
    other = load_image_encoder(f"open_clip:{ARCHITECTURE}/weights.pt", dtype="fp32", root=tmp_path)
    assert other.fingerprint != tiny_clip.fingerprint
    assert other.name.startswith(f"open_clip:{ARCHITECTURE}/weights.pt@")
