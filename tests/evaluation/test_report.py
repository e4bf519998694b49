"""The report: self-contained, escaped, complete, the same twice, and true to the figures."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest
from PIL import Image

from conftest import CONFIG, build
from recsys_cli.apps.evalreport import sample_examples, training_curves, write_report
from recsys_cli.apps.evaluate import Evaluation, Question, run_evaluation
from recsys_cli.apps.opened import Opened
from recsys_cli.evaluation.bootstrap import Interval
from recsys_cli.evaluation.report import charts
from recsys_cli.evaluation.report.charts import Axis, number, scatter
from recsys_cli.evaluation.report.page import render_curves, render_page
from recsys_cli.evaluation.report.thumbnails import HEIGHT, WIDTH, Thumbnails
from recsys_cli.evaluation.report.training import Line, training_lines
from recsys_cli.evaluation.report.view import DatasetReport
from recsys_cli.moments import said

EVIL = '<script>alert("1")</script>&\'"<img src=x onerror=alert(2)>'


class Page(HTMLParser):
    """What a browser would make of a page: its tags, and nothing left open."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def shop(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose items have hostile names, built at two windows. Do not write to it."""
    root = tmp_path_factory.mktemp("report") / "workspace"
    shutil.copytree(raw, root)
    (root / "recsys.toml").write_text(CONFIG)
    articles = root / "data/hm_raw/articles.csv"
    table = pl.read_csv(articles, infer_schema=False)
    table.with_columns(prod_name=pl.lit(EVIL)).write_csv(articles)
    build(root, "ingest")
    return root


@pytest.fixture(scope="module")
def evaluation(shop: Path) -> Evaluation:
    question = Question(strategies=["collab", "content", "popular"], ks=[5, 12], windows=2)
    return run_evaluation(Opened(shop), "hm", question)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "eval.html"
    write_report([evaluation], path, seed=1)
    return path.read_text()


@pytest.mark.slow
def test_nothing_in_the_page_runs_or_is_loaded(page: str) -> None:
    parsed = Page(page)
    assert {"script", "img", "link", "iframe"}.isdisjoint({tag for tag, _ in parsed.tags})
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert (attributes.get("href") or "#").startswith("#")
    assert re.findall(r"url\((?!data:image/jpeg;base64,)", page) == []
    assert "http://" not in page
    assert "https://" not in page
    policies = [a["content"] for a in parsed.named("meta") if a.get("http-equiv")]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_hostile_names_are_shown_as_they_are(page: str) -> None:
    assert "<script" not in page
    assert "<img" not in page
    assert EVIL in "".join(Page(page).text)


def test_every_figure_is_there(page: str, evaluation: Evaluation) -> None:
    text = " ".join("".join(Page(page).text).split())
    for name, outcome in evaluation.result.strategies.items():
        for metric in ("ndcg@12", "map@12", "recall@5", "precision@12", "mrr@12", "hitrate@12"):
            figure = outcome.groups["all"][metric]
            assert number(figure.value) in text, (name, metric)
            assert charts.between(figure) in text, (name, metric)
    for group in ("age_group=25-34", "history=3-9"):
        value = evaluation.result.strategies["content"].groups[group]["ndcg@12"].value
        assert number(value) in text
    fingerprint = evaluation.result.details["test_fingerprint"]
    assert fingerprint[:16] in text
    for window in evaluation.result.windows:
        assert said(window.cutoff) in text
        for key in window.details["artifacts"].values():
            assert key[:10] in text


def test_ten_users_with_pictures_once_each(page: str, evaluation: Evaluation) -> None:
    parsed = Page(page)
    users = [a for a in parsed.named("details") if a.get("class") == "user"]
    assert len(users) == 10
    rules = re.findall(r"^\.(p[0-9a-f]{12})\{", page, re.MULTILINE)
    assert len(rules) == len(set(rules)) > 5
    shown = [
        str(a["class"]).split()[1]
        for a in parsed.named("span")
        if str(a.get("class")).startswith("pic ")
    ]
    assert set(shown) == {*rules, "none"}
    hits = [a for a in parsed.named("li") if a.get("class") == "tile hit"]
    assert len(hits) == sum(
        shown.hits
        for example in sample_examples(
            evaluation.engine, evaluation.windows[-1], evaluation.strategies, seed=1
        )
        for shown in example.lists
    )


def test_the_same_twice_and_others_for_another_seed(
    evaluation: Evaluation, page: str, tmp_path: Path
) -> None:
    again, other = tmp_path / "again.html", tmp_path / "other.html"
    write_report([evaluation], again, seed=1)
    write_report([evaluation], other, seed=2)
    assert again.read_text() == page
    assert other.read_text() != page


def test_examples_show_what_was_measured(evaluation: Evaluation) -> None:
    window, engine = evaluation.windows[-1], evaluation.engine
    examples = sample_examples(engine, window, evaluation.strategies, many=10_000)
    assert len(examples) == len(window.truth.users)
    rows = {engine.artifacts.users[user]: at for at, user in enumerate(window.truth.users)}
    column = window.names.index("precision@12")
    for example in examples:
        assert example.relevant == len(window.truth.items.row(rows[example.user]))
        for shown in example.lists:
            measured = window.strategies[shown.strategy].values[rows[example.user], column]
            assert shown.hits == round(measured * 12)


def test_histories_are_the_latest_before_the_cutoff(evaluation: Evaluation, shop: Path) -> None:
    events = pl.read_parquet(shop / "artifacts/events_hm.parquet")
    cutoff = pl.lit(evaluation.windows[-1].truth.cutoff).cast(pl.Datetime("ms"))
    engine = evaluation.engine
    for example in sample_examples(engine, evaluation.windows[-1], evaluation.strategies, depth=3):
        user = engine.artifacts.users.find(example.user)
        theirs = events.filter(pl.col("user") == user, pl.col("time") < cutoff)
        newest = theirs.sort("time", "item", descending=[True, False])["item"]
        expected = [engine.artifacts.items[i] for i in newest.unique(maintain_order=True)[:3]]
        assert [shown.item for shown in example.history] == expected
        assert example.had == theirs["item"].n_unique()


def test_several_datasets_share_a_page(evaluation: Evaluation, shop: Path) -> None:
    other = run_evaluation(Opened(shop), "rr", Question(strategies=["popular"]))
    sections = [DatasetReport(e.result, {}, []) for e in (evaluation, other)]
    parsed = Page(render_page(sections, root=shop))
    ids = [a["id"] for a in parsed.named("section")]
    assert ids == ["hm", "rr"]
    assert {"#hm", "#rr"} < {a["href"] for a in parsed.named("a")}
    everything = [a["id"] for _, a in parsed.tags if a.get("id")]
    assert len(everything) == len(set(everything))


def test_training_curves_where_there_are_any(evaluation: Evaluation) -> None:
    assert training_curves(evaluation.engine) == {}
    snapshot = evaluation.engine.artifacts.snapshot
    folder = evaluation.engine.artifacts.workspace.artifacts / snapshot.folder
    path = folder / "two_tower_curve_hm.json"
    checks = [{"step": s, "loss": 5 - s / 10 if s else None, "metric": s / 10} for s in range(4)]
    try:
        path.write_text(json.dumps({"metric": "ndcg@12", "checks": checks}))
        loss, metric = training_curves(evaluation.engine)["Two tower"]
        assert (loss.title, loss.ends) == ("loss", ("4.90", "4.70"))
        assert metric.title == "ndcg@12 on the validation window"
        assert metric.level is None
        path.write_text('{"step": 1}')
        assert training_curves(evaluation.engine) == {}
    finally:
        path.unlink()


def test_thumbnails_are_small_and_shared(tmp_path: Path) -> None:
    Image.new("RGB", (1166, 1750), "red").save(tmp_path / "a.jpg")
    shutil.copy(tmp_path / "a.jpg", tmp_path / "same.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    pictures = Thumbnails(tmp_path)
    name = pictures.add(Path("a.jpg"))
    assert name == pictures.add(Path("same.jpg"))
    assert len(pictures.rules) == 1
    for missing in (None, Path("gone.jpg"), Path("broken.jpg")):
        assert pictures.add(missing) is None
    data = base64.b64decode(pictures.rules[str(name)])
    with Image.open(io.BytesIO(data)) as small:
        assert small.width <= WIDTH
        assert small.height <= HEIGHT


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (0.05, {}, "0.050"),
        (0.00742, {}, "0.0074"),
        (0.0, {}, "0.000"),
        (12.345, {}, "12.3"),
        (9.876, {}, "9.88"),
        (0.0149, {"share": True}, "1.5%"),
        (0.00123, {"share": True}, "0.12%"),
        (0.0, {"share": True}, "0.0%"),
        (0.0047, {"signed": True}, "+0.0047"),
        (-0.0028, {"signed": True}, "−0.0028"),
        (-0.0000001, {"signed": True, "like": 0.5}, "+0.000"),
        (0.0002, {"like": 0.05}, "0.000"),
        (float("nan"), {}, "–"),
        (None, {}, "–"),
    ],
)
def test_numbers(value, options, text) -> None:
    assert number(value, **options) == text


def test_axes_are_round_and_hold_every_value() -> None:
    for values in ([0.0], [0.013, 0.02], [-0.003, 0.07], [3.0, 900.0], [float("nan")]):
        axis = Axis.over(values)
        known = [value for value in values if not np.isnan(value)]
        assert axis.low <= min(known, default=0.0)
        assert axis.high >= max(known, default=0.0)
        assert 2 <= len(axis.ticks) <= 8
        assert axis.at(axis.low) == 0
        assert axis.at(axis.high) == 100
    assert [label for _, label in Axis.over([0.02], share=True, about=2).labels()] == [
        "0%",
        "1%",
        "2%",
    ]


def test_names_in_a_plane_keep_apart() -> None:
    rng = np.random.default_rng(3)
    spread = {f"strategy{i}": tuple(Interval(v, v, v) for v in rng.random(2)) for i in range(6)}
    plot = scatter("t", "n", ("x", "y"), spread, share=False)
    assert {point.strategy for point in plot.points} == set(spread)
    close = {n: (Interval(0.5, 0.5, 0.5), Interval(0.5, 0.5, 0.5)) for n in ("left", "right")}
    sides = [point.side for point in scatter("t", "n", ("x", "y"), close, share=False).points]
    assert len(set(sides)) == 2


@pytest.mark.parametrize(("wide", "high"), [(280, 230), (430, 250)])
def test_names_of_points_that_coincide_keep_apart(wide: int, high: int) -> None:
    rng = np.random.default_rng(4)
    alike = {f"strategy{i}": (Interval(0.4), Interval(0.3, 0.2, 0.4)) for i in range(6)}
    near = {
        f"near{i}": (Interval(0.4 + v / 10), Interval(0.3)) for i, v in enumerate(rng.random(4))
    }
    boxes = []
    for point in scatter("t", "n", ("x", "y"), alike | near, share=True).points:
        letters = 8 * len(point.strategy)
        left = point.x / 100 * wide + (8 if point.side == "right" else -8 - letters)
        boxes.append((left, left + letters, point.y / 100 * high - 15 * point.lines))
    for at, (left, right, y) in enumerate(boxes):
        for other_left, other_right, other_y in boxes[:at]:
            assert right <= other_left or other_right <= left or abs(y - other_y) >= 14.9


def test_a_line_runs_from_left_to_right_beside_what_it_compares_with() -> None:
    picture = render_curves([Line("loss", [(0, 2.0), (10, 1.0)], (0.0, "ALS"), kept=5)])
    ends = 'x1="0.0%" y1="0.0%" x2="100.0%" y2="50.0%"'
    assert ends in picture
    assert 'x1="50.0%" x2="50.0%" y2="100%"' in picture
    assert 'x2="100%" y1="100.0%" y2="100.0%"' in picture
    assert {">ALS<", ">kept<"} <= set(re.findall(r">\w+<", picture))
    checks = [{"step": 1, "loss": float("nan")}, {"step": None, "loss": 1.0}, {"step": "2"}]
    assert training_lines({"checks": checks}) == []


@pytest.mark.parametrize("checks", [0, 1, 5])
def test_a_picture_of_a_run_is_well_formed_however_short(checks: int) -> None:
    points = [{"step": s, "loss": 5 - s if s else None, "metric": s / 10} for s in range(checks)]
    curve = {"metric": "<ndcg>", "checks": points, "als": 0.2, "best_step": 1}
    picture = render_curves(training_lines(curve))
    root = ElementTree.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == max(0, 2 * checks - 1)
    assert ("Nothing was trained" in picture) == (not checks)
