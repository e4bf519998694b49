"""An encoder that can't be had is an error with the config line and both ways out."""

import shutil
import sys

import pytest

from encoders.conftest import need
from recsys_cli.encoders import load_image_encoder, load_text_encoder, torchload
from recsys_cli.errors import ConfigError
from recsys_cli.store.files import HashMemo

LINE = '[content] text = "…"'


@pytest.mark.parametrize("spec", ["bert", "sentence-transformers:", "lsa:0", "lsa:x", "", "lsa:"])
def test_strings_that_name_no_text_encoder(spec):
    with pytest.raises(ConfigError, match="is not a text encoder") as caught:
        load_text_encoder(spec, config_line=LINE)
    assert caught.value.message.startswith(LINE)
    assert "sentence-transformers:NAME-OR-FOLDER" in caught.value.hint
    assert '"lsa"' in caught.value.hint


@pytest.mark.parametrize("spec", ["clip", "open_clip:", "open_clip:ViT-B-32", "open_clip:/x"])
def test_strings_that_name_no_image_encoder(spec):
    with pytest.raises(ConfigError, match="is not an image encoder") as caught:
        load_image_encoder(spec, config_line=LINE)
    assert '"histogram"' in caught.value.hint


def assert_both_ways_out(error: ConfigError, built_in: str) -> None:
    assert error.message.startswith(LINE)
    assert "could not be loaded" in error.message
    assert "download" in error.hint
    assert f'set "{built_in}"' in error.hint
    assert error.exit_code == 2


@pytest.mark.parametrize("name", ["no/such/folder", "./nothing", "all-MiniLM-L6-v9"])
def test_a_text_model_that_is_not_there(name, tmp_path, monkeypatch):
    need("huggingface_hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ConfigError) as caught:
        load_text_encoder(f"sentence-transformers:{name}", config_line=LINE, root=tmp_path)
    assert_both_ways_out(caught.value, "lsa")


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(ConfigError, match="no weights") as caught:
        load_text_encoder("sentence-transformers:model", config_line=LINE, root=tmp_path)
    assert_both_ways_out(caught.value, "lsa")


def test_a_folder_that_is_no_model(tmp_path):
    need("sentence_transformers")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"no tensors")
    encoder = load_text_encoder("sentence-transformers:model", config_line=LINE, root=tmp_path)
    with pytest.raises(ConfigError) as caught:
        encoder.encode(["x"])
    assert_both_ways_out(caught.value, "lsa")


@pytest.mark.parametrize("weights", ["models/none.pt", "/models/none.pt", "none.safetensors"])
def test_a_checkpoint_that_is_not_there(weights, tmp_path):
    with pytest.raises(ConfigError, match="there is no file") as caught:
        load_image_encoder(f"open_clip:ViT-B-32/{weights}", config_line=LINE, root=tmp_path)
    assert_both_ways_out(caught.value, "histogram")


@pytest.mark.parametrize("spec", ["ViT-B-32/no_such_tag", "ViT-Z-99/openai"])
def test_a_tag_or_architecture_that_does_not_exist(spec, caplog):
    need("open_clip")
    encoder = load_image_encoder(f"open_clip:{spec}", config_line=LINE)
    with pytest.raises(ConfigError) as caught:
        encoder.dim  # noqa: B018
    assert_both_ways_out(caught.value, "histogram")
    assert not caplog.records


def test_a_checkpoint_that_is_none(tmp_path):
    need("open_clip")
    (tmp_path / "weights.pt").write_bytes(b"not a checkpoint")
    encoder = load_image_encoder("open_clip:RN50/weights.pt", config_line=LINE, root=tmp_path)
    with pytest.raises(ConfigError) as caught:
        encoder.encode_text(["x"])
    assert_both_ways_out(caught.value, "histogram")


def test_a_library_that_is_not_installed(minilm_folder, monkeypatch):
    def missing(name):
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr("recsys_cli.encoders.torchload.import_beside_torch", missing)
    encoder = load_text_encoder(f"sentence-transformers:{minilm_folder}", config_line=LINE)
    with pytest.raises(ConfigError, match="could not be imported") as caught:
        encoder.encode(["x"])
    assert f"{sys.executable} -m pip install 'recsys-cli[content]'" in caught.value.hint
    assert caught.value.exit_code == 2
    assert '"lsa"' in caught.value.hint


def test_a_device_that_is_not_there(minilm_folder):
    encoder = load_text_encoder(
        f"sentence-transformers:{minilm_folder}", device="warp:7", config_line=LINE
    )
    with pytest.raises(ConfigError, match='cannot use the device "warp:7"') as caught:
        encoder.encode(["x"])
    assert 'device = "auto"' in caught.value.hint


def test_a_moved_model_is_the_same_and_a_changed_one_is_not(minilm_folder, minilm, tmp_path):
    moved = tmp_path / "models" / "minilm"
    shutil.copytree(minilm_folder, moved)
    memo = HashMemo(tmp_path / "hashes.json")
    options = {"dtype": "bf16", "device": "cpu", "root": tmp_path, "hashes": memo}
    spec = "sentence-transformers:models/minilm"
    assert load_text_encoder(spec, **options).fingerprint == minilm.fingerprint
    (moved / "README.md").write_text("something else")
    assert load_text_encoder(spec, **options).fingerprint == minilm.fingerprint
    pooling = moved / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace('mean_tokens": true', 'mean_tokens": false'))
    assert load_text_encoder(spec, **options).fingerprint != minilm.fingerprint


def test_torchvision_of_another_build_does_not_get_in_the_way(monkeypatch):
    need("torchvision")
    declared = []

    class Library:
        def __init__(self, *arguments): ...

        def define(self, schema):
            declared.append(schema.split("(")[0])

    import torch

    attempts = []

    def fail_once(name):
        attempts.append(name)
        if len(attempts) == 1:
            raise RuntimeError("operator torchvision::nms does not exist")
        return sys.modules["sys"]

    monkeypatch.setattr(torch.library, "Library", Library)
    monkeypatch.setattr(torchload.importlib, "import_module", fail_once)
    torchload._ensure_torchvision()
    assert declared == ["nms", "qnms"]
    assert attempts == ["torchvision", "torchvision"]

    monkeypatch.setattr(
        torchload.importlib,
        "import_module",
        lambda name: (_ for _ in ()).throw(RuntimeError("something else")),
    )
    with pytest.raises(RuntimeError, match="something else"):
        torchload._ensure_torchvision()
