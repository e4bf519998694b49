"""Live events on the page at /: "had this now" by users, new ones and guests, in a browser."""

import shutil

import pytest

from serve.browsing import Server, at, listed

NOW = ".results:not([aria-busy]) .now"


@pytest.fixture(scope="module")
def living(built, browser, tmp_path_factory):
    """A server that takes events."""
    root = tmp_path_factory.mktemp("living") / "workspace"
    shutil.copytree(built, root)
    running = Server(root)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def without(workspace, browser):
    """A server that takes none."""
    with (workspace / "recsys.toml").open("a") as file:
        file.write("\n[live]\nenabled = false\n")
    running = Server(workspace)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def someone(living, request) -> str:
    """A user whom no other test has events of."""
    users = living.get("users", dataset="hm", limit=100)["users"]
    names = [one.name for one in request.session.items]
    return users[names.index(request.node.name) % len(users)]


def history(server: Server, user: str) -> dict:
    return server.get(f"users/{user}/history", dataset="hm", limit=200)


def live_of(server: Server, user: str) -> list[str]:
    return [one["item"] for one in history(server, user)["items"] if one["live"]]


def watch_shifts(page) -> None:
    """Have `window.shift` sum how much of what is seen moves by itself, clicks or not."""
    page.evaluate(
        "() => { window.shift = 0; new PerformanceObserver(list => list.getEntries().forEach("
        "one => { window.shift += one.value; })).observe({ type: 'layout-shift' }); }"
    )


def test_what_a_user_had_now_changes_the_list_beside_it(living, opened, someone):
    page = opened(at(living, "user", someone))
    before = listed(page)
    total = history(living, someone)["total"]
    assert page.locator(".since").count() == 0
    chosen = page.locator(".tile[data-id] .now").nth(2)
    name = page.locator(".tile[data-id] .name").nth(2).text_content()
    assert chosen.get_attribute("aria-label") == f"Had this now: {name}"
    watch_shifts(page)
    # Twice, as the impatient do: it is one event.
    chosen.dblclick()
    page.wait_for_selector(".told .notice")
    told = page.text_content(".told p")
    assert told.startswith(f"{name} is noted for {someone[:10]}…")
    assert ". The list is new: 24 items by " in told
    assert page.get_attribute(".told .id", "title") == someone
    assert told.endswith(", 1 live event.")
    assert page.get_attribute("#told", "role") == "status"
    assert page.text_content(".since") == "1 live event."
    assert live_of(living, someone) == [before[2]]
    assert listed(page) != before
    assert page.locator(".history .rows .live").all_text_contents() == ["live"]
    known = {item["item"] for item in history(living, someone)["items"]}
    assert len(known) in {total, total + 1}
    assert f"{len(known)} items, 1 live" in page.text_content(".history h2")
    assert page.evaluate("window.shift") < 0.01
    page.click(".told .close")
    assert page.locator(".told > *").count() == 0


def test_what_is_told_goes_with_the_view(living, opened, someone):
    page = opened(at(living, "user", someone))
    listed(page)
    page.locator(NOW).first.click()
    page.wait_for_selector(".told .notice")
    page.click(".bar a[data-view=home]")
    page.wait_for_selector(".told .notice", state="detached", timeout=3000)


def test_keys_alone_reach_it_and_stay_in_the_list(living, opened, someone):
    page = opened(at(living, "user", someone))
    listed(page)
    page.locator(".tile[data-id] a").nth(1).focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").endswith("now")
    page.keyboard.press("Enter")
    page.wait_for_selector(".told .notice")
    page.wait_for_selector(NOW)
    place = "[...document.querySelectorAll('.now')].indexOf(document.activeElement)"
    assert page.evaluate(place) == 1
    page.keyboard.press("Space")
    page.wait_for_selector(".since:has-text('2 live events')")
    # The new list may have the same item in that place.
    assert len(live_of(living, someone)) in {1, 2}


def test_other_strategies_know_of_it_at_once(living, opened, someone):
    page = opened(at(living, "user", someone))
    listed(page)
    page.click("label[for=strategy-collab]")
    page.wait_for_url("**strategy=collab**")
    collab = listed(page)
    page.click("label[for=strategy-auto]")
    page.wait_for_selector(NOW)
    page.locator(NOW).nth(3).click()
    page.wait_for_selector(".since")
    page.click("label[for=strategy-collab]")
    page.wait_for_selector(".results .source:has-text('strategy=collab')")
    page.wait_for_selector(".since:has-text('1 live event')")
    assert listed(page) != collab


def test_somebody_new_gets_a_history(living, opened):
    page = opened(at(living, "user", "someone new/?"))
    page.wait_for_selector(".history .notice:has-text('does not know this user')")
    before = listed(page)
    page.locator(NOW).first.click()
    page.wait_for_selector(".history .rows .live")
    page.wait_for_selector(".since:has-text('1 live event')")
    assert page.locator(".why.fell").count() == 0
    assert page.locator(".history .rows li").count() == 1
    assert listed(page) != before
    # A page that did not see it come knows of it too.
    page.reload()
    page.wait_for_selector(".history .rows .live")


def test_a_guest_is_answered_by_a_session_that_the_page_keeps(living, opened):
    page = opened(living.url)
    page.wait_for_selector(".person a")
    page.click(".lead a:text-is('be a guest')")
    page.wait_for_selector("h1:text-is('Guest')")
    before = listed(page)
    page.wait_for_selector(".history .notice:has-text('Nothing yet')")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    page.locator(NOW).first.click()
    page.wait_for_selector(".since:has-text('1 live event')")
    page.locator(NOW).nth(1).click()
    page.wait_for_selector(".since:has-text('2 live events')")
    assert page.locator(".history .rows .live").count() == 2
    assert listed(page) != before
    assert before[0] in page.text_content(".source")
    assert not any("/events" in one for one in asked)
    # Other views know the guest, until they start over.
    page.locator(".tile a").first.click()
    page.locator(".similar .now").first.click()
    page.wait_for_selector(".told:has-text('noted for the guest')")
    page.go_back()
    page.wait_for_selector(".since:has-text('3 live events')")
    page.click("button:text-is('Start over')")
    page.wait_for_selector(".history .notice:has-text('Nothing yet')")
    page.wait_for_selector(".since", state="detached")
    assert listed(page) == before


@pytest.mark.parametrize("width", [390, 1280])
def test_the_first_item_of_a_guest_moves_nothing(living, opened, width):
    page = opened(at(living, "user"), viewport={"width": width, "height": 900})
    listed(page)
    page.wait_for_selector(".history .notice")
    page.locator(NOW).first.scroll_into_view_if_needed()
    before = page.locator(".results").bounding_box()["y"]
    page.locator(NOW).first.click()
    page.wait_for_selector(".told .notice")
    page.wait_for_selector(".history .rows .pic.there, .history .rows .letter")
    assert page.locator(".results").bounding_box()["y"] == before


def test_similar_and_found_items_are_had_by_the_user_looked_at_last(living, opened, someone):
    page = opened(at(living, "search", q="red dress"))
    listed(page)
    assert page.locator(".now").count() == 0
    page.goto(at(living, "user", someone))
    page.locator(".tile a").first.click()
    page.wait_for_selector(".similar .now")
    similar = listed(page)
    page.locator(".similar .now").nth(1).dblclick()
    page.wait_for_selector(f".told:has-text('is noted for {someone[:10]}')")
    assert page.locator(".similar .now").nth(1).text_content() == "Noted"
    assert live_of(living, someone) == [similar[1]]
    page.click(".bar a[data-view=search]")
    page.fill("main input[type=search]", "red dress")
    page.press("main input[type=search]", "Enter")
    page.wait_for_selector(NOW)
    found = listed(page)
    page.locator(NOW).first.click()
    page.wait_for_selector(f"{NOW}:text-is('Noted')")
    assert set(live_of(living, someone)) == {similar[1], found[0]}


def test_without_live_events_only_guests_have_it(without, opened):
    user = without.get("users", dataset="hm", limit=1)["users"][0]
    assert without.get("ready")["live"] is False
    page = opened(at(without, "user", user))
    listed(page)
    assert page.locator(".now").count() == 0
    page.goto(at(without, "user"))
    page.wait_for_selector("h1:text-is('Guest')")
    listed(page)
    page.locator(NOW).first.click()
    page.wait_for_selector(".since:has-text('1 live event')")


def test_says_why_an_event_is_refused_and_sends_it_again(living, opened, someone):
    refused = []

    def refuse(route) -> None:
        refused.append(route.request.post_data_json)
        if len(refused) > 1:
            route.continue_()
        else:
            route.fulfill(status=404, json={"error": "Not Found", "hint": "ask for another"})

    page = opened(living.url, allow="404")
    page.route("**/events", refuse)
    page.goto(at(living, "user", someone))
    before = listed(page)
    page.locator(NOW).first.click()
    page.wait_for_selector(".told .notice.bad[role=alert]:has-text('Not Found')")
    assert listed(page) == before
    page.click(".told button:text-is('Try again')")
    page.wait_for_selector(".since:has-text('1 live event')")
    assert refused[0] == refused[1]
    assert refused[0]["events"][0].keys() == {"user", "item", "id", "request"}


def test_asks_for_a_key_where_events_need_one(living, opened, someone):
    page = opened(living.url, allow="401")
    page.route("**/events", lambda route: route.fulfill(status=401, json={"error": "no key"}))
    page.goto(at(living, "user", someone))
    listed(page)
    page.locator(NOW).first.click()
    page.wait_for_selector("dialog[open]")
    page.click("#key-cancel")
    page.wait_for_selector(".told .notice.bad:has-text('This needs a key')")
    assert live_of(living, someone) == []


def test_says_that_live_events_could_not_be_read(living, opened, someone):
    def unread(route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"live": None})

    page = opened(living.url)
    page.route("**/recommend/user/**", unread)
    page.goto(at(living, "user", someone))
    listed(page)
    assert page.text_content(".since") == "Live events could not be read."


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_fits_the_width_with_what_is_told(living, opened, someone, width, scheme):
    page = opened(
        at(living, "user", someone),
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    listed(page)
    page.locator(NOW).first.click()
    page.wait_for_selector(".told .notice")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".told .notice").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert page.locator(NOW).first.bounding_box()["height"] >= 24
