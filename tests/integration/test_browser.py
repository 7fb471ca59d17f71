"""Reports in a real browser: what it asks for, what can be read, reached and sorted, in light and dark, wide and narrow."""

import os
import shutil

import pytest

from analytics.reporting.render import render
from tests.integration.servers import needs
from tests.reporting import sample

pytestmark = pytest.mark.server

LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    page = render(sample.build(), stage="slo", provenance=sample.PROVENANCE, pages=sample.PAGES)
    (folder / "slo.html").write_text(page, encoding="utf-8")
    return (folder / "slo.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    needs("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # As root, a browser starts only without its sandbox; it opens nothing but our own file.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    opened = []

    def visit(width=1280, scheme="light", **options):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce", **options)
        page.asked = []
        page.said = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(address)
        opened.append(page)
        return page

    yield visit
    for page in opened:
        page.close()


def test_a_report_asks_for_nothing_but_itself(visit, address):
    page = visit()
    page.wait_for_load_state("networkidle")
    assert [url for url in page.asked if not url.startswith("data:")] == [address]
    assert page.said == []


def test_no_script_from_data_could_run(visit):
    page = visit()
    page.evaluate("() => { const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s); }")
    assert page.evaluate("() => window.ran") is None


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_report_breaks_no_rule_of_accessibility(visit, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(width, scheme, bypass_csp=True)
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]][:3]) for rule in found] == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_never_scrolls_sideways(visit, width):
    page = visit(width)
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_on_a_phone_figures_and_tables_scroll_inside_themselves(visit):
    page = visit(390)
    widths = page.evaluate("() => [...document.querySelectorAll('.scroll')].map(e => [e.scrollWidth, e.clientWidth])")
    assert len(widths) == 8
    assert all(inner > outer for inner, outer in widths)


def test_on_a_phone_a_table_that_does_not_fit_is_a_card_for_each_row(visit):
    page = visit(390)
    table = page.locator(".table.cards", has_text="Services by error budget left").first
    assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
    cells = table.locator("tbody tr").first.locator("td")
    named = [cell.evaluate("e => getComputedStyle(e, '::before').content") for cell in cells.all()]
    assert named[0] == "none"
    assert '"Burn rate\xa0"' in named
    # It is a table all the same: for those who hear it, and to sort.
    assert table.get_by_role("columnheader").count() == cells.count()
    assert table.get_by_role("row").count() > 2
    table.locator("th", has_text="Burn rate").locator("button").click()
    assert table.locator("th", has_text="Burn rate").get_attribute("aria-sort") == "ascending"


def test_where_there_is_room_or_paper_a_table_has_columns(visit):
    page, cards = visit(390), ".table.cards"
    # The page learns of its new width with its next frame.
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_function(f"() => document.querySelectorAll('{cards}').length === 0")
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function(f"() => document.querySelectorAll('{cards}').length > 0")
    page.emulate_media(media="print")
    assert page.evaluate("() => getComputedStyle(document.querySelector('.cards tbody tr')).display") == "table-row"


def test_tables_fit_on_paper(visit):
    page = visit(680)  # what A4 leaves between the margins
    page.emulate_media(media="print")
    widths = page.evaluate("() => [...document.querySelectorAll('.table')].map(e => [e.scrollWidth, e.clientWidth])")
    assert all(inner <= outer for inner, outer in widths)


def test_figures_follow_light_and_dark(visit):
    colours = [
        visit(1280, scheme).evaluate("() => getComputedStyle(document.querySelector('figure text')).fill") for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(86, 97, 112)", "rgb(163, 175, 189)"]


def test_paper_is_always_light_and_code_is_not_printed(visit):
    page = visit(1280, "dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("details").first.is_visible()
    assert not page.locator("nav.contents").is_visible()


def test_a_table_is_sorted_by_keyboard_and_says_so(visit):
    page = visit()
    table = page.locator(".table", has_text="Services by error budget left").first
    heading = table.locator("th", has_text="Burn rate")
    values = lambda: [float(text.replace("−", "-")) for text in table.locator("tbody tr td:nth-child(6)").all_inner_texts()]  # noqa: E731
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert values() == sorted(values())
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"
    assert values() == sorted(values(), reverse=True)
    assert table.locator("th[aria-sort=ascending], th[aria-sort=descending]").count() == 1


def test_text_columns_sort_by_their_words(visit):
    page = visit()
    table = page.locator(".table", has_text="Services by error budget left").first
    table.locator("th button", has_text="Service").click()
    names = table.locator("tbody tr td:nth-child(1)").all_inner_texts()
    assert names == sorted(names)


def test_the_keyboard_reaches_everything_and_focus_is_seen(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    assert page.evaluate("() => document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.querySelector('main').contains(document.activeElement)")
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_link_of_a_statement_leads_to_its_figure(visit):
    page = visit()
    page.get_by_role("link", name="Evidence").click()
    assert page.locator("#figure-2").evaluate("e => e.getBoundingClientRect().top < 800")


def test_what_does_not_scroll_is_no_stop_for_the_keyboard(visit):
    stops = "() => [...document.querySelectorAll('figure > .scroll')].map(e => e.tabIndex)"
    assert set(visit(1280).evaluate(stops)) == {-1}
    assert set(visit(390).evaluate(stops)) == {0}


def test_the_head_of_a_table_is_printed_without_buttons(visit):
    """A browser prints the head again on each page, but leaves out what is in a button."""
    page = visit()
    page.emulate_media(media="print")
    assert page.evaluate("() => getComputedStyle(document.querySelector('th button')).display") == "contents"
