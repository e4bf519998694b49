"""The graph is derived from declarations, and wrong declarations fail at once."""

import pytest

from recsys_cli.assembly import default_graph
from recsys_cli.build.graph import Graph
from recsys_cli.build.stage import Stage
from recsys_cli.errors import UsageError


def stage(name, inputs, outputs, *, per_snapshot=False):
    return Stage(
        name, "", tuple(inputs), tuple(outputs), (), lambda _: {}, per_snapshot=per_snapshot
    )


def test_order_follows_from_inputs_and_outputs():
    graph = Graph(
        [
            stage("late", ["items"], ["users"]),
            stage("middle", ["events"], ["items"]),
            stage("early", [], ["events"]),
        ]
    )
    assert graph.order == ("early", "middle", "late")
    assert graph.ancestors("middle") == {"early", "middle"}
    assert graph.descendants("middle") == {"middle", "late"}


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([stage("a", [], ["events"]), stage("a", [], ["items"])], "two stages are named a"),
        ([stage("a", [], ["events"]), stage("b", [], ["events"])], "made by a and b"),
        ([stage("a", ["items"], ["events"])], "reads items, which no stage makes"),
        ([stage("a", ["items"], ["events"]), stage("b", ["events"], ["items"])], "cycle"),
        ([stage("a", [], ["nonsense"])], "disagree about nonsense"),
        ([stage("a", [], ["als"])], "disagree about als"),
    ],
)
def test_wrong_declarations_are_refused(stages, message):
    with pytest.raises(ValueError, match=message):
        Graph(stages)


def test_targets():
    graph = default_graph()
    assert graph.select(["all"])[0] == set(graph.stages)
    assert graph.select(["als.train"]) == ({"als.train"}, {"ingest", "als.export", "als.train"})
    named, needed = graph.select(["als.export+"])
    assert named == {
        "als.export", "als.train", "graph", "itemknn", "transitions", "sessions", "popular",
        "usermodel", "statistics", "twotower.pairs", "twotower.pairs.all", "twotower.facts",
        "twotower.fit", "twotower.train", "hybrid.blend", "hybrid.train",
    }  # fmt: skip
    before = {"ingest", "embed.text", "embed.image", "index"}
    # Towers are trained at a past snapshot only.
    assert needed == {*named, *before} - {"twotower.facts", "twotower.fit"}
    with pytest.raises(UsageError, match="at past snapshots only") as error:
        graph.select(["twotower.fit"])
    assert "twotower.train" in str(error.value.hint)
    assert graph.select(["twotower.fit", "twotower.train"])[0] == {"twotower.fit", "twotower.train"}
    with pytest.raises(UsageError, match="no stage 'als'") as error:
        graph.select(["als"])
    assert "als.train" in (error.value.hint or "")
