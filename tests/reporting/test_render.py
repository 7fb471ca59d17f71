import re

import pytest
from nbformat import v4

from analytics.reporting import display
from analytics.reporting.check import check_page
from analytics.reporting.page import compose
from analytics.reporting.render import render
from tests.reporting import sample


@pytest.fixture(scope="module")
def notebook():
    return sample.build()


@pytest.fixture(scope="module")
def page(notebook):
    return render(notebook, stage="slo", provenance=sample.PROVENANCE, pages=sample.PAGES)


def shown(role, body):
    return v4.new_output(
        "display_data", data={"text/html": f'<div class="report">{display.STYLE}{body}</div>'}, metadata={display.ROLE: role}
    )


def rendered(*cells, **options):
    return render(v4.new_notebook(cells=list(cells)), stage="slo", provenance={}, pages=[], **options)


def test_a_report_of_eight_figures_may_be_published(page):
    assert page.count("<figure ") == 8
    assert check_page(page) == []
    assert len(page.encode()) <= 200_000


def test_the_same_notebook_gives_the_same_bytes(page):
    assert render(sample.build(), stage="slo", provenance=sample.PROVENANCE, pages=sample.PAGES) == page


def test_the_notebook_is_not_changed(notebook):
    before = str(notebook)
    render(notebook, stage="slo", provenance=sample.PROVENANCE, pages=sample.PAGES)
    assert str(notebook) == before


def test_the_question_is_the_title_and_the_finding_stands_under_it(page):
    header = page[page.index("<header>") : page.index("</header>")]
    order = [header.index(part) for part in ("Objectives · 2", "<h1>Were the promises kept", "Ten of twelve services", "paged at night")]
    assert order == sorted(order)
    assert re.sub(r"<details.*?</details>", "", page, flags=re.S).count("Ten of twelve services") == 1


def test_contents_list_each_section_that_shows_something(page):
    contents = re.search(r'<ol class="here">(.*?)</ol>', page, re.S)[1]
    targets = re.findall(r'href="#([^"]+)"', contents)
    assert targets == ["what-matters", "checkout-missed-its-objective-in-march", "when-they-were-down", "what-was-measured", "what-to-do"]
    assert all(f'<h2 id="{target}">' in page for target in targets)


def test_all_pages_are_linked_and_this_one_is_marked(page):
    assert re.findall(r'<li><a href="([^"]+)"( aria-current="page")?>', page)[:4] == [
        ("index.html", ""), ("ingest.html", ""), ("drift.html", ""), ("slo.html", ' aria-current="page"'),
    ]  # fmt: skip


def test_the_summary_is_the_first_page():
    page = render(v4.new_notebook(), stage="summary", provenance={}, pages=sample.PAGES)
    assert '<a href="index.html" aria-current="page">Summary</a>' in page


def test_figures_are_numbered_and_can_be_pointed_at(page):
    assert re.findall(r'<figure id="figure-(\d)">', page) == list("12345678")
    assert re.findall(r"<b>Figure (\d)\.</b>", page) == list("12345678")
    assert re.findall(r"<summary>Data of figure (\d)</summary>", page) == list("12345678")


def test_behind_a_figure_is_the_line_that_drew_it(page):
    assert "<summary>Code of figure 1</summary><pre><code>slo.plot_compliance(compliance, zone=ZONE)</code></pre>" in page
    # A name is followed to what was assigned to it.
    assert "<summary>Code of figure 4</summary><pre><code>slo.plot_outages(outages, start=START, end=END, zone=ZONE)</code></pre>" in page


def test_the_code_of_all_sections_is_folded_at_the_end(page):
    footer = page[page.index("<footer>") :]
    assert "<details" in footer
    assert "overrides = {}" in footer
    assert "kept = budgets" in footer
    assert "<p>What to do</p><pre><code>" in footer
    before = page[: page.index("<footer>")]
    assert "overrides = {}" not in before
    unfolded = re.sub(r"<details.*?</details>", "", before, flags=re.S)
    assert "report.figure" not in unfolded


def test_the_footer_proves_the_page(page):
    footer = page[page.index("<footer>") :]
    for name, said in (("Data", "3,628,800 checks"), ("Code", "sha256 4e1d…7c"), ("Parameters", "params.yaml [slo]"), ("Models", "none")):
        assert re.search(rf"<dt>{name}</dt><dd>[^/]*{re.escape(said)}", footer)
    assert "<code>analytics run slo</code>" in footer


def test_names_from_data_are_escaped_everywhere(page):
    assert "<b>billing</b>" not in page
    assert "&lt;b&gt;billing&lt;/b&gt;" in page


def test_provenance_and_pages_are_escaped():
    page = render(v4.new_notebook(), stage="slo", provenance={"<i>": "<u>"}, pages=[('"><i>', "<i>")], site="<i>")
    assert "<i>" not in page
    assert "<u>" not in page


def test_a_failed_cell_is_said_on_the_page():
    cell = v4.new_code_cell("x", outputs=[v4.new_output("error", ename="ValueError", evalue="<bad>", traceback=[])])
    page = rendered(v4.new_markdown_cell("# Why?"), v4.new_markdown_cell("## Part"), cell)
    assert "a cell failed" in page
    assert "ValueError: &lt;bad&gt;" in page


def test_what_a_cell_printed_is_kept_with_its_code():
    cell = v4.new_code_cell("f()", outputs=[v4.new_output("stream", name="stdout", text="1 < 2")])
    page = rendered(v4.new_markdown_cell("# Why?\n## Part\ntext"), cell)
    assert re.search(r'<details class="code">.*<pre class="printed">1 &lt; 2</pre>\s*</details>', page, re.S)


def test_html_in_markdown_is_not_obeyed():
    page = rendered(v4.new_markdown_cell("# Why <img src=x>?\n\n<script>alert(1)</script>\n## A & `b`"))
    assert "<script>alert" not in page
    assert "<img src=x>" not in page


def test_the_second_finding_stays_where_it_is():
    one, two = (v4.new_code_cell("f()", outputs=[shown("finding", f'<p class="finding">{said}</p>')]) for said in ("First.", "Second."))
    page = rendered(v4.new_markdown_cell("# Why?"), one, v4.new_markdown_cell("## Part"), two)
    assert page.index("First.") < page.index("</header>") < page.index('<h2 id="part">') < page.index("Second.")


def test_a_heading_made_from_data_opens_a_section():
    cell = v4.new_code_cell("f()", outputs=[shown("text", "<h2>checkout became 18 % slower</h2>\n<p>Since Sunday.</p>")])
    page = compose(v4.new_notebook(cells=[v4.new_markdown_cell("# Why?"), cell]))
    assert [section.identity for section in page.sections] == ["", "checkout-became-18-slower"]


def test_two_sections_of_one_name_have_two_addresses():
    page = compose(v4.new_notebook(cells=[v4.new_markdown_cell("# T\n## Same\na\n## Same\nb")]))
    assert [section.identity for section in page.sections] == ["", "same", "same-2"]


def test_a_title_said_by_the_heading_is_not_repeated(page):
    before = page[: page.index("<footer>")]
    assert before.count("What to do") == 3  # the intro's hint, the contents, the heading


def test_the_style_for_jupyterlab_is_left_out(page):
    assert "--jp-" not in page
    assert not re.search(r"var\(--[a-z-]+, #", page)


def test_without_a_title_the_question_of_the_stage_is_asked():
    assert "<h1>Were the promises kept; how much error budget is left?</h1>" in rendered()


def test_a_picture_of_another_library_needs_words():
    cell = v4.new_code_cell("f()", outputs=[v4.new_output("display_data", data={"image/png": "AA\nBB"})])
    page = rendered(v4.new_markdown_cell("# Why?\n## Part"), cell)
    assert "data:image/png;base64,AABB" in page
    assert any("has no words" in said for said in check_page(page))
