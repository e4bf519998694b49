"""What a merchandiser does on the page at /: compares, tries rules, looks over the shop, saves."""

import csv
import io
import json
import shutil
import tomllib
from pathlib import Path

import pytest

from serve.browsing import Server, at, ids, listed, recommended

RULES = """
[[datasets.hm.rules.cap]]
column = "product_type_name"
most = 2
"""
WIDTHS = [390, 1280]
SCHEMES = ["light", "dark"]
SIDE = ".results:not([aria-busy]) .beside"


@pytest.fixture(scope="module")
def ruled(built, browser, tmp_path_factory):
    """A server whose lists are under a rule."""
    root = tmp_path_factory.mktemp("ruled") / "workspace"
    shutil.copytree(built, root)
    with (root / "recsys.toml").open("a") as file:
        file.write(RULES)
    running = Server(root)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def user(ruled) -> str:
    """Somebody with a history of some length."""
    return ruled.get("users/examples", dataset="hm")["users"][0]["user"]


def columns(page) -> list[list[str]]:
    """The items of the lists that stand side by side."""
    page.wait_for_selector(SIDE)
    return page.eval_on_selector_all(
        ".column", "all => all.map(c => [...c.querySelectorAll('li')].map(li => li.dataset.id))"
    )


def marks(page) -> dict[str, str]:
    """What is said of how items moved, by item of the list on the right."""
    said = "li => [li.dataset.id, li.querySelector('.move')?.textContent ?? '']"
    found = page.eval_on_selector_all(".column:last-of-type li", f"all => all.map({said})")
    return dict(found)


def saved(page, click: str) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.click(click)
    assert download.value.suggested_filename.endswith(".csv")
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_cards_say_category_and_price(ruled, opened, user):
    page = opened(at(ruled, "user", user))
    shown = listed(page)
    page.wait_for_selector(".tile .facts-of[title]")
    known = {
        one["item"]: one["about"] for one in ruled.get("items", dataset="hm", item=shown)["items"]
    }
    for item, text in zip(shown, page.locator(".tile .facts-of").all_text_contents(), strict=True):
        kind, *price = text.split(" · ")
        assert kind == known[item]["product_type_name"]
        told = [float(one) for one in price]
        paid = [known[item]["price"]] if "price" in known[item] else []
        assert told == pytest.approx(paid, rel=0.01)


def test_two_strategies_stand_side_by_side_with_what_moved(ruled, opened, user):
    page = opened(at(ruled, "user", user, k=12))
    listed(page)
    page.select_option("#beside", "by:collab")
    page.wait_for_url("**beside=by%3Acollab**")
    one, other = columns(page)
    auto = ids(recommended(ruled, user, top_k=12))
    collab = ids(recommended(ruled, user, top_k=12, strategy="collab"))
    assert (one, other) == (auto, collab)
    both = [item for item in collab if item in auto]
    moved = [item for item in both if auto.index(item) != collab.index(item)]
    told = page.text_content(".difference")
    assert told.startswith(f"{len(both)} of 12 items")
    assert f"{len(moved)} of them in" in told or not moved
    for item, said in marks(page).items():
        by = auto.index(item) - collab.index(item) if item in auto else None
        if by is None:
            assert said == "new"
        elif by:
            assert f"{'up' if by > 0 else 'down'} {abs(by)} from {auto.index(item) + 1}" in said
        else:
            assert said == ""
    gone = page.locator(".column").first.locator(".move.gone").count()
    assert gone == len(auto) - len(both)
    # The way back is the way it came.
    page.go_back()
    assert listed(page) == auto


def test_rules_off_stand_beside_rules_on(ruled, opened, user):
    page = opened(at(ruled, "user", user, k=12))
    listed(page)
    assert "by the rules cap product_type_name" in page.text_content(".why")
    page.select_option("#beside", "no-rules")
    one, other = columns(page)
    assert one == ids(recommended(ruled, user, top_k=12))
    assert other != one
    kinds = page.locator(".column").nth(1).locator(".facts-of")
    page.wait_for_selector(".column:last-of-type .facts-of[title]")
    names = [text.split(" · ")[0] for text in kinds.all_text_contents()]
    assert max(names.count(name) for name in names) > 2
    by = page.locator(".column > .small").all_text_contents()
    assert "changed by cap product_type_name" in by[0]
    assert "changed by" not in by[1]


def test_rules_are_tried_before_they_are_written(ruled, opened, user):
    before = (ruled._root / "recsys.toml").read_bytes()
    page = opened(at(ruled, "user", user, k=12, beside="try"))
    one, other = columns(page)
    assert one == other
    assert page.text_content(".difference") == "Both lists are the same."
    assert page.locator(".tried input").count() == 1
    # One more rule, by keys.
    page.select_option("[aria-label='Kind of rule']", "boost")
    page.select_option(".adding [aria-label=Column]", "index_group_name")
    group = page.locator(".adding input[aria-label=Value]")
    page.wait_for_selector("#rule-values option", state="attached")
    value = page.locator("#rule-values option").nth(1).get_attribute("value")
    group.fill(value)
    page.fill(".adding [aria-label=Factor]", "20")
    page.press(".adding [aria-label=Factor]", "Enter")
    page.wait_for_selector(".tried li:has-text('only here')")
    page.wait_for_selector(f"{SIDE} .difference:not(:text-is('Both lists are the same.'))")
    one, other = columns(page)
    rules = {
        "boost": [{"where": f"index_group_name={value}", "by": 20}],
        "cap": [{"column": "product_type_name", "most": 2}],
    }
    assert one == ids(recommended(ruled, user, top_k=12))
    page.click(".trying summary")
    written = tomllib.loads(page.text_content(".trying pre"))
    assert written["datasets"]["hm"]["rules"] == rules
    # A rule that stands in recsys.toml is turned off, and the address keeps it all.
    page.locator(".tried input").nth(1).uncheck()
    page.wait_for_selector(".trying pre:not(:has-text('cap'))")
    assert page.evaluate("document.activeElement.type") == "checkbox"
    columns(page)
    page.reload()
    again = columns(page)[1]
    assert page.locator(".tried input:checked").count() == 1
    page.locator(".tried input:not(:checked)").click()
    page.wait_for_selector(".trying pre:has-text('cap')", state="attached")
    assert columns(page)[1] == other
    assert again != other
    assert (ruled._root / "recsys.toml").read_bytes() == before


def test_a_rule_about_nothing_says_so_and_can_be_taken_back(ruled, opened, user):
    page = opened(at(ruled, "user", user, beside="try"), allow="422")
    columns(page)
    page.select_option("[aria-label='Kind of rule']", "pin")
    page.fill("[aria-label='Item id']", "nothing")
    page.press("[aria-label='Item id']", "Enter")
    page.wait_for_selector(".notice.bad:has-text('hm has no item')")
    page.locator(".tried li:has-text('nothing') input").uncheck()
    columns(page)
    # What no form takes is not sent.
    page.fill("[aria-label='Item id']", "0")
    page.fill("[aria-label=Place]", "0")
    page.click("text=Add rule")
    assert page.locator(".tried li:has-text(' in place 0')").count() == 0


def test_all_kinds_of_rules_can_be_added(ruled, opened, user):
    item = recommended(ruled, user, top_k=24)["items"][20]["item"]
    page = opened(at(ruled, "user", user, k=12, beside="try"))
    columns(page)
    kind, add = "[aria-label='Kind of rule']", "text=Add rule"
    page.select_option(kind, "diversity")
    page.fill("[aria-label=Weight]", "0.4")
    page.click(add)
    page.wait_for_selector(".tried li:has-text('unlike each other, by 0.4')")
    page.select_option(kind, "diversity")
    page.fill("[aria-label=Weight]", "0.5")
    page.click(add)
    page.wait_for_selector(".tried li:has-text('by 0.5') input:checked")
    assert not page.locator(".tried li:has-text('by 0.4') input").is_checked()
    page.select_option(kind, "pin")
    page.fill("[aria-label='Item id']", item)
    page.fill("[aria-label=Place]", "3")
    page.click(add)
    page.wait_for_selector(f".column:last-of-type li:nth-child(3)[data-id='{item}']")
    page.select_option(kind, "cap")
    page.select_option(".adding [aria-label=Column]", "colour_group_name")
    page.click(add)
    page.wait_for_selector(".tried li:has-text('at most 3 of one colour_group_name')")
    page.select_option(kind, "where")
    page.select_option(".adding [aria-label=Column]", "index_group_name")
    page.select_option(".adding [aria-label=Sign]", "not in")
    page.fill(".adding [aria-label=Value]", "Sport, Divided")
    page.click(add)
    page.wait_for_selector(".tried li:has-text('only index_group_name not in Sport, Divided')")
    columns(page)
    page.click(".trying summary")
    rules = tomllib.loads(page.text_content(".trying pre"))["datasets"]["hm"]["rules"]
    assert set(rules) == {"where", "cap", "diversity", "pin"}
    assert rules["diversity"] == {"weight": 0.5}
    assert rules["pin"] == [{"item": item, "rank": 3}]


def test_a_guest_compares_too(ruled, opened):
    page = opened(at(ruled, "user"))
    listed(page)
    page.locator(".results:not([aria-busy]) .now").first.click()
    page.wait_for_selector(".since")
    page.select_option("#beside", "no-rules")
    one, other = columns(page)
    assert len(one) == len(other) == 24
    page.select_option("#beside", "by:content")
    page.wait_for_selector(f"{SIDE} h3:has-text('content')")


def test_the_shop_is_looked_over(ruled, opened):
    page = opened(f"{ruled.url}/#/overview?dataset=hm")
    page.wait_for_selector(".overview .categories tbody tr")
    found = ruled.get("overview", dataset="hm")
    rows = page.locator(".categories tbody tr")
    assert rows.count() == len(found["categories"])
    first = found["categories"][0]
    assert rows.first.locator("th").text_content() == first["value"]
    assert rows.first.locator(".sellers li").count() == len(first["best"])
    assert "events until" in page.text_content(".lead")
    assert "ago" in page.text_content(".lead")
    assert page.locator(".stat").count() == 3
    page.wait_for_selector(".sellers .pic.there, .sellers .letter")
    page.focus("#overview-column")
    page.select_option("#overview-column", "index_group_name")
    page.wait_for_selector(".categories thead th:text-is('index_group_name')")
    assert page.evaluate("document.activeElement.id") == "overview-column"
    page.select_option("#overview-strategy", "repurchase")
    page.wait_for_url("**strategy=repurchase**")
    fallbacks = ruled.get("overview", dataset="hm", strategy="repurchase")["fallbacks"]
    page.wait_for_selector(f".stat:has-text('{fallbacks[0]['name']}')")
    page.click(".bar nav a:text-is('Overview')")
    page.locator(".categories .sellers a").first.click()
    page.wait_for_url("**/#/item/**")


def test_lists_are_saved_as_csv(ruled, opened, user):
    page = opened(at(ruled, "user", user, k=12))
    shown = listed(page)
    rows = saved(page, ".foot .save")
    assert [row["item"] for row in rows] == shown
    assert {row["user"] for row in rows} == {user}
    assert [row["rank"] for row in rows] == [str(n) for n in range(1, 13)]
    assert all(row["product_type_name"] for row in rows)
    answer = recommended(ruled, user, top_k=12)["items"]
    assert [float(row["score"]) for row in rows] == [one["score"] for one in answer]
    page.select_option("#beside", "by:popular")
    other = columns(page)[1]
    assert [row["item"] for row in saved(page, ".column:last-of-type .save")] == other
    page.goto(at(ruled, "item", shown[0]))
    page.wait_for_selector(".similar .save")
    assert [row["item"] for row in saved(page, ".similar .save")] == listed(page)
    page.goto(at(ruled, "search", q="red dress"))
    assert [row["item"] for row in saved(page, ".foot .save")] == listed(page)
    page.goto(f"{ruled.url}/#/overview?dataset=hm")
    found = ruled.get("overview", dataset="hm")["categories"]
    rows = saved(page, ".overview .save")
    assert len(rows) == sum(max(len(one["best"]), 1) for one in found)
    assert rows[0]["best_item"] == found[0]["best"][0]["item"]


def test_a_saved_text_is_no_formula_and_an_id_stays_what_it_is(ruled, opened, user):
    def renamed(route) -> None:
        answer = route.fetch()
        found = answer.json()
        found["items"][0] |= {"name": '=HYPERLINK("http://x"),"a"\nb', "item": "-0042"}
        route.fulfill(response=answer, json=found)

    page = opened(ruled.url)
    page.route("**/recommend/user/**", renamed)
    page.goto(at(ruled, "user", user, k=12))
    listed(page)
    first = saved(page, ".foot .save")[0]
    assert first["name"] == '\'=HYPERLINK("http://x"),"a"\nb'
    assert first["item"] == "-0042"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_fits_the_width(ruled, opened, user, width, scheme):
    size = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = opened(ruled.url, **size)
    boost = {"boost": [{"where": "colour_group_name!=x", "by": 3}]}
    for address, shown in (
        (at(ruled, "user", user, beside="try", rules=json.dumps(boost)), f"{SIDE} li"),
        (f"{ruled.url}/#/overview?dataset=hm", ".categories td"),
    ):
        page.goto(address)
        page.wait_for_selector(shown)
        page.wait_for_selector(".facts-of[title], .categories .pic")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = page.eval_on_selector_all(
            "main button, main select, .tried label",
            "all => all.filter(one => one.checkVisibility()"
            " && one.getBoundingClientRect().height < 24).length",
        )
        assert small == 0


def test_an_address_that_holds_nonsense_shows_the_rules_there_are(ruled, opened, user):
    page = opened(at(ruled, "user", user, beside="try", rules="{not json"), allow="422")
    one, other = columns(page)
    assert one == other
    page.goto(at(ruled, "user", user, beside="by:nothing"))
    page.wait_for_selector(".notice.bad")


def test_a_search_says_which_words_are_values_of_columns(ruled, opened):
    page = opened(at(ruled, "search", q="red dress"))
    listed(page)
    told = page.text_content(".heard")
    assert "red is " in told
    assert "dress is product_type_name=Dress" in told
    page.goto(at(ruled, "search", q="cotton"))
    page.wait_for_selector(".results:not([aria-busy])")
    page.wait_for_selector(".heard", state="detached")


def test_similar_items_may_be_unlike_each_other(ruled, opened, user):
    item = recommended(ruled, user)["items"][0]["item"]
    page = opened(at(ruled, "item", item))
    plain = listed(page)
    page.focus("#diverse")
    page.keyboard.press("Space")
    page.wait_for_url("**diverse=1")
    page.wait_for_selector(".similar:not([aria-busy]) .source:has-text('diverse=')")
    answer = ruled.get(f"recommend/item/{item}", dataset="hm", top_k=18, diverse="true")
    assert listed(page) == ids(answer) != plain
    assert page.evaluate("document.activeElement.id") == "diverse"
