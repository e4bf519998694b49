"""What recsys.toml says of datasets that are found by their folders, and rules as its lines."""

import tomllib

import pytest

from recsys_cli.assembly import load_config
from recsys_cli.config.load import section_for
from recsys_cli.config.rules import RulesConfig
from recsys_cli.errors import ConfigError

RULES = RulesConfig.model_validate(
    {
        "where": ["in_catalogue=true", 'a="x"\\y'],
        "boost": [
            {"where": ["a=b", "c<3"], "by": 2},
            {"name": 'own\t"\u2028\x7f', "where": "b in x,\"y, z\"", "by": 0.5},
        ],
        "cap": [{"column": "c", "most": 3}],
        "pin": [{"item": "0108"}],
        "diversity": {"weight": 0.2},
    }
)  # fmt: skip


@pytest.fixture
def shop(tmp_path):
    for name in ("hm_raw", "rr_raw"):
        (tmp_path / "data" / name).mkdir(parents=True)
    return tmp_path


def test_a_found_dataset_has_settings_of_its_own_without_being_described(shop):
    (shop / "recsys.toml").write_text(
        "[datasets.hm]\nrepurchase = false\n[datasets.hm.als]\nfactors = 7\n"
    )
    config = load_config(shop)
    assert list(config.datasets) == ["hm", "rr"]
    assert config.datasets["hm"].path == "data/hm_raw"
    assert config.datasets["hm"].repurchase is False
    assert section_for(config, "als", "hm").factors == 7
    assert section_for(config, "als", "rr").factors != 7


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[datasets.shop.als]\nfactors = 7\n", "datasets.shop: kind has to be set"),
        ('[datasets.hm.als]\nfactors = 7\n[datasets.rr]\nkind = "retailrocket"\n', "datasets.hm"),
        ("datasets = 3\n", "datasets"),
        ("[datasets]\nhm = 3\n", "datasets.hm"),
    ],
)  # fmt: skip
def test_one_that_is_not_found_has_to_be_described(shop, text, told):
    (shop / "recsys.toml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_config(shop)


@pytest.mark.parametrize("header", [("rules",), ("datasets", "hm", "rules")])
def test_rules_are_written_as_they_are_read(header):
    text = RULES.to_toml(header)
    value = tomllib.loads(text)
    for name in header:
        value = value[name]
    assert RulesConfig.model_validate(value) == RULES
    assert RulesConfig().to_toml(header) == "\n"


def test_rules_of_a_dataset_take_away_what_is_more_general(shop):
    fewer = RulesConfig(cap=RULES.cap)
    lines = RULES.to_toml(("rules",)) + fewer.to_toml(("datasets", "hm", "rules"), over=RULES)
    (shop / "recsys.toml").write_text(lines)
    config = load_config(shop)
    own = section_for(config, "rules", "hm")
    assert (own.where, own.boost, own.cap, own.pin) == ([], [], RULES.cap, [])
    assert own.names() == ["cap c"]
    assert section_for(config, "rules", "rr") == RULES
