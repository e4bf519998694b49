"""The page at /, in a real browser: each test also fails on console errors and foreign requests."""

import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from serve.browsing import Server, at, ids, listed, recommended

KEY = "open sesame"
SCHEMES = ("light", "dark")


def figure(value: float, *, interval: bool = True) -> dict:
    return {
        "value": value,
        "low": value / 2 if interval else None,
        "high": value * 2 if interval else None,
    }


def evaluation() -> dict:
    """What `recsys eval --json` writes, cut down to what is shown."""
    strategies = {"collab": (0.2, 0.4), "popular": (0.1, 0.05)}
    return {
        "dataset": "hm",
        "protocol": "temporal",
        "cutoff": "2020-09-16",
        "horizon_days": 7,
        "users": 65,
        "k": [12],
        "groups": {"all": 65, "warm": 60},
        "baseline": "popular",
        "strategies": {
            name: {
                group: {
                    "ndcg@12": figure(ndcg),
                    "coverage@12": figure(coverage, interval=False),
                }
                for group in ("all", "warm")
            }
            for name, (ndcg, coverage) in strategies.items()
        },
        "differences": {"collab": {"all": {"ndcg@12": figure(0.1)}}},
        "fallback_share": {"collab": 0.1, "popular": 0},
    }


@pytest.fixture(scope="module")
def explored(built, tmp_path_factory) -> Path:
    """A built workspace with results of an evaluation."""
    root = tmp_path_factory.mktemp("explored") / "workspace"
    shutil.copytree(built, root)
    (root / "eval").mkdir()
    (root / "eval" / "hm.json").write_text(json.dumps(evaluation()))
    return root


@pytest.fixture(scope="module")
def server(explored, browser):
    running = Server(explored)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def guarded(explored, browser):
    """A server that asks for a key, and that a test may stop."""
    running = Server(explored, api_key=KEY)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def user(server) -> str:
    """Somebody with a history of some length."""
    return server.get("users/examples", dataset="hm")["users"][0]["user"]


def test_offers_users_with_their_pictures(server, opened):
    page = opened(server.url)
    page.wait_for_selector(".person a")
    assert page.locator(".person").count() == len(
        server.get("users/examples", dataset="hm")["users"]
    )
    page.wait_for_selector(".person .pic.there")
    assert page.title() == "recsys"


def test_finds_a_user_by_keys_alone(server, opened, user):
    page = opened(server.url)
    page.wait_for_selector(".person a")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    field = page.locator("#find-input")
    field.press_sequentially(user[:5])
    page.wait_for_selector("[role=option][aria-selected=true]")
    page.wait_for_function("document.querySelector('.group').textContent === 'Users'")
    first = field.get_attribute("aria-activedescendant")
    field.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") != first
    field.press("ArrowUp")
    assert field.get_attribute("aria-activedescendant") == first
    field.press("Escape")
    assert field.get_attribute("aria-expanded") == "false"
    # Enter right after the last letter means what was typed, not what was offered before.
    field.fill("")
    field.press_sequentially(user)
    field.press("Enter")
    page.wait_for_url(f"**/#/user/{user}*")
    assert listed(page) == ids(recommended(server, user))
    history = server.get(f"users/{user}/history", dataset="hm", limit=200)
    page.wait_for_selector(".history .rows li")
    assert page.locator(".history .rows li").count() == history["total"]
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert "24 items by" in page.text_content("#live")


def test_switches_strategies_and_back(server, opened, user):
    page = opened(at(server, "user", user))
    before = listed(page)
    page.click("label[for=strategy-popular]")
    page.wait_for_selector(".why:has-text('where there are segments')")
    popular = recommended(server, user, strategy="popular")
    assert listed(page) == ids(popular) != before
    assert "strategy=popular" in page.url
    page.go_back()
    page.wait_for_selector(".why:not(:has-text('where there are segments'))")
    assert listed(page) == before
    assert page.is_checked("input[value=auto]")


def test_arrow_keys_switch_strategies(server, opened, user):
    page = opened(at(server, "user", user, strategy="repurchase"))
    listed(page)
    page.focus("input[value=repurchase]")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**strategy=popular**")
    assert page.evaluate("document.activeElement.value") == "popular"


def test_hides_what_the_user_has(server, opened, user):
    page = opened(at(server, "user", user, strategy="repurchase"))
    listed(page)
    page.wait_for_selector(".tile .had")
    page.click(".toggle:has-text('Hide what they have')")
    page.wait_for_url("**seen=hide**")
    page.wait_for_selector(".results:not([aria-busy]) .tile:not(:has(.had))")
    hidden = recommended(server, user, strategy="repurchase", exclude_seen=True)
    assert listed(page) == ids(hidden)
    assert page.locator(".had").count() == 0


def test_filters_by_a_value_and_forgets_it(server, opened, user):
    column = "product_group_name"
    known = server.get(f"columns/{column}/values", dataset="hm")["values"]
    value = known[1]["value"]
    page = opened(at(server, "user", user))
    everything = listed(page)
    page.select_option(".where select", column)
    page.wait_for_selector("#where-values option", state="attached")
    offered = page.eval_on_selector_all("#where-values option", "all => all.map(one => one.value)")
    assert offered == [one["value"] for one in known]
    page.fill(".where input", value)
    page.press(".where input", "Enter")
    page.wait_for_selector(".chips li")
    condition = f"{column}={value}"
    page.wait_for_selector(f".source:has-text('{quote(column)}')")
    assert listed(page) == ids(recommended(server, user, where=condition)) != everything
    page.click(".chips button")
    page.wait_for_selector(f".source:not(:has-text('{quote(column)}'))")
    assert listed(page) == everything


def test_filters_by_other_signs_than_equality(server, opened, user):
    column = "product_group_name"
    value = server.get(f"columns/{column}/values", dataset="hm")["values"][0]["value"]
    page = opened(at(server, "user", user))
    page.select_option(".where select", column)
    page.select_option(".where select[aria-label=Sign]", "not in")
    page.fill(".where input", f"{value},nonsense")
    page.press(".where input", "Enter")
    page.wait_for_selector(".chips li")
    condition = f"{column} not in {value},nonsense"
    page.wait_for_selector(f".source:has-text('{quote(column)}')")
    assert listed(page) == ids(recommended(server, user, where=condition))


def test_says_what_is_wrong_with_a_filter(server, opened, user):
    page = opened(at(server, "user", user, where="product_group_name=nonsense"), allow="422")
    page.wait_for_selector(".notice.bad")
    assert "no item has product_group_name=nonsense" in page.text_content(".notice.bad")


def test_tells_of_an_unknown_user(server, opened):
    name = "nobody/here?#%"
    page = opened(server.url)
    field = page.locator("#find-input")
    field.fill(name)
    page.wait_for_selector("[role=option]:has-text('as for somebody new')")
    field.press("ArrowUp")
    field.press("Enter")
    page.wait_for_selector(".history .notice:has-text('does not know this user')")
    assert page.text_content("h1 .id") == name
    page.click("label[for=strategy-collab]")
    page.wait_for_selector(".why.fell")
    assert "popular answered in place of collab: unknown user" in page.text_content(".why.fell")
    assert listed(page) == ids(recommended(server, name, strategy="collab"))


def test_shows_an_item_and_those_like_it(server, opened, user):
    page = opened(at(server, "user", user))
    before = listed(page)
    page.locator(".tile a").first.click()
    page.wait_for_selector(".fields dt")
    item = server.get(f"items/{before[0]}", dataset="hm")
    assert page.text_content("h1") == item["name"]
    similar = server.get(f"recommend/item/{before[0]}", dataset="hm", top_k=18)
    assert listed(page) == ids(similar)
    # A value leads to the user's list of items that have it.
    group = item["fields"]["product_group_name"]
    page.click(f".fields a:has-text('{group}')")
    page.wait_for_selector(f".chips:has-text('product_group_name={group}')")
    page.go_back()
    page.go_back()
    page.wait_for_url(f"**/user/{user}*")
    assert listed(page) == before


def test_tells_of_an_unknown_item(server, opened):
    page = opened(at(server, "item", "nothing"))
    page.wait_for_selector("h1:has-text('No such item')")


def test_searches_for_words(server, opened):
    page = opened(server.url)
    page.wait_for_selector(".person a")
    page.fill(".words input", "red dress")
    page.press(".words input", "Enter")
    page.wait_for_url("**/#/search?q=red+dress*")
    found = listed(page)
    assert len(found) == 24
    page.reload()
    assert listed(page) == found


def test_says_calmly_that_nothing_was_found(server, opened):
    page = opened(at(server, "search", q="zzqqx"))
    page.wait_for_selector(".results .notice:has-text('zzqqx')")
    assert page.locator(".notice.bad").count() == 0
    words = server.get("ready")["datasets"]["hm"]["examples"]
    assert page.get_attribute("input[type=search]", "placeholder") == words[0]
    page.click(f".results a:text-is('{words[1]}')")
    assert listed(page)


def test_says_when_the_build_is_from(server, opened):
    page = opened(at(server, "home"))
    built = server.get("ready")["datasets"]["hm"]["built"]
    assert page.get_attribute(".facts time", "datetime") == built


def test_shows_a_skeleton_until_there_is_more(server, opened):
    page = opened(server.url)
    page.route("**/ready", lambda _route: None)
    page.reload()
    page.wait_for_selector("main[aria-busy=true] .person.ghost")


@pytest.mark.parametrize("width", [390, 1280])
def test_names_of_points_cover_no_other(server, opened, width):
    def crowd(route) -> None:
        result = evaluation()
        figures = {"ndcg@12": figure(0.2), "coverage@12": figure(0.4, interval=False)}
        names = ["hybrid", "twotower", "collab", "content", "itemknn", "graph", "repurchase"]
        result["strategies"] = {name: {"all": figures} for name in names}
        route.fulfill(json={"evaluations": [{"file": "hm.json", "results": [result]}]})

    page = opened(server.url, viewport={"width": width, "height": 800})
    page.route("**/eval", crowd)
    page.goto(at(server, "eval"))
    page.wait_for_selector("svg .leader")
    boxes = page.eval_on_selector_all(
        "figure:last-child .label", "all => all.map(one => one.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) == 7
    for at_, one in enumerate(boxes):
        for other in boxes[:at_]:
            beside = one["right"] <= other["left"] or other["right"] <= one["left"]
            # Boxes of letters reach a little above and below what is drawn.
            apart = abs(one["top"] - other["top"]) > 0.8 * one["height"]
            assert beside or apart


def test_searches_for_a_picture_that_is_dropped(server, opened, explored):
    file = min((explored / "data" / "hm_raw" / "images").rglob("*.jpg"))
    page = opened(server.url)
    page.wait_for_selector(".person a")
    page.evaluate(
        """async ([address, name]) => {
          const data = new DataTransfer();
          data.items.add(new File([await (await fetch(address)).blob()], name));
          const send = (kind) => document.body.dispatchEvent(
            new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
          send("dragover");
          if (document.getElementById("drop").hidden) throw new Error("no sign of the drop");
          send("drop");
        }""",
        [f"items/{file.stem}/image?dataset=hm", file.name],
    )
    page.wait_for_url("**/#/search?picture=*")
    assert listed(page)[0] == file.stem
    assert page.text_content(".asked figcaption") == file.name
    page.reload()
    page.wait_for_selector(".notice:has-text('Choose it once more')")


def test_searches_for_a_picture_that_is_chosen(server, opened, explored):
    file = max((explored / "data" / "hm_raw" / "images").rglob("*.jpg"))
    page = opened(at(server, "search"))
    page.set_input_files("input[type=file]", file)
    assert listed(page)[0] == file.stem


def test_plots_an_evaluation(server, opened):
    page = opened(at(server, "eval"))
    page.wait_for_selector("svg .dot")
    assert page.locator("figure").count() == 2
    assert page.locator("svg .dot").count() == 4
    assert page.locator("svg g .whisker").count() == 6
    assert page.locator(".figures tbody tr").count() == 2
    assert ".200" in page.text_content(".figures tbody tr")
    page.select_option("#eval-group", "warm")
    page.wait_for_url("**group=warm**")
    page.wait_for_selector("figcaption:has-text('users with history')")


def test_says_which_hours_were_tested(server, opened):
    def hours(route) -> None:
        result = evaluation() | {"cutoff": "2014-04-03T14:00:00", "horizon_days": 0.25}
        route.fulfill(json={"evaluations": [{"file": "hm.json", "results": [result]}]})

    page = opened(server.url, timezone_id="America/New_York")
    page.route("**/eval", hours)
    page.goto(at(server, "eval"))
    page.wait_for_selector("svg .dot")
    assert "events from 3 Apr 2014, 14:00 UTC on held out, 6 hours" in page.text_content("main")


@pytest.mark.parametrize("width", [390, 1280])
def test_strategies_with_the_same_figures_share_a_row(server, opened, width):
    def same(route) -> None:
        result = evaluation()
        figures = {"ndcg@12": figure(0.2), "coverage@12": figure(0.4, interval=False)}
        others = {"ndcg@12": figure(0.1), "coverage@12": figure(0.4, interval=False)}
        result["strategies"] = {
            name: {"all": others if name == "graph" else figures}
            for name in ("hybrid", "collab", "graph", "popular")
        }
        result["fallback_share"] = {"hybrid": 0.7, "collab": 0.7, "graph": 0.7, "popular": 0}
        route.fulfill(json={"evaluations": [{"file": "hm.json", "results": [result]}]})

    page = opened(server.url, viewport={"width": width, "height": 800})
    page.route("**/eval", same)
    page.goto(at(server, "eval"))
    page.wait_for_selector(".figures tbody tr")
    names = page.locator(".figures tbody th")
    found = [one.split() for one in names.all_inner_texts()]
    assert [sorted(one) for one in found] == [["collab", "hybrid", "popular"], ["graph"]]
    assert page.locator(".figures tbody td:last-child").all_inner_texts() == ["0–70%", "70%"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_says_how_to_evaluate(server, opened):
    page = opened(at(server, "eval", dataset="rr"))
    page.wait_for_selector("code:text-is('recsys eval --dataset rr')")


def test_switches_datasets(server, opened, user):
    page = opened(at(server, "user", user))
    listed(page)
    page.select_option("#dataset", "rr")
    page.wait_for_selector(".lead:has-text('rr')")
    page.locator(".person a").first.click()
    page.wait_for_selector(".tiles.wordy .tile[data-id]")
    assert "dataset=rr" in page.url
    assert page.locator(".results .pic").count() == 0


def test_never_takes_names_for_markup(server, opened, user):
    evil = '<img src=x onerror="alert(1)"><b>name'

    def rename(route) -> None:
        answer = route.fetch()
        body = answer.json()
        for item in body["items"]:
            item["name"] = evil
        route.fulfill(response=answer, json=body)

    page = opened(server.url)
    page.route("**/recommend/user/**", rename)
    page.goto(at(server, "user", user))
    listed(page)
    assert page.text_content(".tile .name") == evil
    assert page.locator(".tile b, .tile img[src=x]").count() == 0


def test_explains_items_where_the_answer_does(server, opened, user):
    def explain(route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["items"][0]["explanation"] = {
            "sources": [{"source": "collab", "rank": 3, "score": 0.5}],
            "features": [
                {
                    "feature": "a",
                    "value": None,
                    "contribution": -0.25,
                    "said": "first had <b>now</b>",
                }
            ],
            "because": [
                {"item": "1", "name": "Strap top", "share": 0.62},
                {"item": "2", "name": "", "share": 0.1},
                {"item": "3", "name": "Strap top", "share": 0.08},
                {"item": body["items"][0]["item"], "name": "Itself", "share": 0.2},
            ],
        }
        route.fulfill(response=answer, json=body)

    page = opened(server.url)
    page.route("**/recommend/user/**", explain)
    page.goto(at(server, "user", user, why=1))
    listed(page)
    assert page.text_content(".because .sources") == "collab no. 3 (0.500)"
    assert page.text_content(".because tr") == "first had <b>now</b>−0.250"
    assert page.text_content(".because p") == (
        "Because of 2 × Strap top (70%), 2 (10%), having had it (20%)."
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [390, 1280])
def test_fits_the_width(server, opened, user, width, scheme):
    page = opened(server.url, viewport={"width": width, "height": 800}, color_scheme=scheme)
    item = recommended(server, user)["items"][0]["item"]
    backgrounds = {"light": "rgb(246, 246, 243)", "dark": "rgb(19, 20, 23)"}
    for address, sign in (
        (at(server, "home"), ".person .pic.there"),
        (at(server, "user", user), ".results .pic.there"),
        (at(server, "item", item), ".similar .tile[data-id]"),
        (at(server, "eval"), "svg .dot"),
    ):
        page.goto(address)
        page.wait_for_selector(sign)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == backgrounds[scheme]


@pytest.mark.slow
def test_asks_for_the_key_and_outlives_a_restart(guarded, opened):
    page = opened(guarded.url, allow="Failed to load resource")
    page.wait_for_selector("dialog[open]")
    page.fill("#key-input", "wrong")
    page.press("#key-input", "Enter")
    page.wait_for_selector("#key-note:has-text('refused that key')")
    page.fill("#key-input", KEY)
    page.press("#key-input", "Enter")
    page.wait_for_selector(".person .pic.there img[src^='blob:']")
    page.locator(".person a").first.click()
    before = listed(page)
    guarded.stop()
    page.click("label[for=strategy-popular]")
    page.wait_for_selector("#banner:has-text('does not answer')")
    assert page.get_attribute("#banner", "role") == "alert"
    guarded.start()
    page.wait_for_selector("#banner", state="hidden")
    page.wait_for_selector(".why:has-text('what sells now')")
    assert listed(page) != before
    assert page.get_attribute("dialog", "open") is None
