import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from analytics import reporting as report
from analytics.plots import style
from analytics.reporting import display


@pytest.fixture
def shown():
    """What the verbs display: call it with a verb and its arguments."""
    InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))

    def show(verb, *args, **options):
        with capture_output() as captured:
            verb(*args, **options)
        (output,) = captured.outputs
        return output

    return show


EVIL = '<script>alert("x")</script>'


def drawing():
    with style.use():
        ax = style.own_axes(None)
        ax.plot([1, 2], [3, 4])
    return ax


FIGURE = {"title": "Latency", "caption": "How to read it.", "alt": "A line that rises from three to four."}


@pytest.mark.parametrize(
    ("verb", "value"),
    [
        (report.finding, EVIL),
        (report.kicker, EVIL),
        (report.text, f"**bold** {EVIL}"),
        (report.tiles, [(EVIL, EVIL, EVIL)]),
        (report.statements, [(EVIL, EVIL, (EVIL, "bad"), (EVIL, f"drift.html#{EVIL}"))]),
        (report.todo, [(EVIL, EVIL), EVIL]),
    ],
)
def test_html_in_data_is_shown_and_not_obeyed(shown, verb, value):
    body = shown(verb, value).data["text/html"]
    assert "<script>" not in body
    assert "&lt;script&gt;" in body


def test_html_in_a_table_and_a_figure_is_escaped(shown):
    frame = pd.DataFrame({EVIL: [EVIL]})
    assert "<script>" not in shown(report.table, frame, caption=EVIL).data["text/html"]
    options = {"title": EVIL, "caption": EVIL, "alt": f"A sentence about {EVIL} here.", "data": frame}
    assert "<script>" not in shown(report.figure, drawing(), **options).data["text/html"]


def test_each_output_says_its_role_and_has_a_sentence_without_html(shown):
    output = shown(report.finding, "All is well.")
    assert output.metadata == {display.ROLE: "finding"}
    assert output.data["text/plain"] == "All is well."


def test_an_output_has_its_own_style_for_jupyterlab(shown):
    assert display.STYLE in shown(report.finding, "All is well.").data["text/html"]


def test_an_empty_frame_is_a_sentence(shown):
    body = shown(report.table, pd.DataFrame({"a": []}), caption="x", empty="No outage in 42 series since 3 May.").data["text/html"]
    assert "No outage in 42 series since 3 May." in body
    assert "<table" not in body


def test_a_figure_of_no_data_is_a_sentence(shown):
    body = shown(report.figure, drawing(), **FIGURE, data=pd.DataFrame({"a": []}), empty="Nothing failed.").data["text/html"]
    assert "Nothing failed." in body
    assert "<svg" not in body


def test_a_figure_has_title_caption_words_and_data(shown):
    body = shown(report.figure, drawing(), **FIGURE, data=pd.DataFrame({"latency_ms": [146.0]})).data["text/html"]
    assert 'role="img" aria-label="A line that rises from three to four."' in body
    assert "<figcaption><b>Figure.</b> How to read it.</figcaption>" in body
    assert "146\u00a0ms" in body


@pytest.mark.parametrize("alt", ["", "A figure", "Latency"])
def test_a_figure_without_a_sentence_is_refused(shown, alt):
    with pytest.raises(ValueError, match="is not a sentence"):
        shown(report.figure, drawing(), title="Latency", caption="c", alt=alt)


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "JAVASCRIPT:x"])
def test_a_link_that_runs_something_is_refused(shown, target):
    with pytest.raises(ValueError, match="only pages"):
        shown(report.statements, [("what", "why", None, ("here", target))])


def test_statements_may_leave_out_what_they_do_not_have(shown):
    body = shown(report.statements, [("Only this.",), ("This", "because")]).data["text/html"]
    assert body.count("<li>") == 2
    assert "None" not in body
    with pytest.raises(ValueError, match="list is empty"):
        shown(report.statements, [])


def test_markdown_is_rendered_without_links_that_run_something(shown):
    body = shown(report.text, "See **this** and [that](javascript:alert(1)).").data["text/html"]
    assert "<strong>this</strong>" in body
    assert "javascript:" not in body


def test_a_number_stays_with_its_unit():
    assert "9\u00a0% of 5\u00a0min" in display.markdown_html("9 % of 5 min, 2 days")
    assert "2 days" in display.markdown_html("9 % of 5 min, 2 days")


def test_a_command_in_what_to_do_is_code(shown):
    body = shown(report.todo, [("Do it.", "With `a <b>`.")]).data["text/html"]
    assert "<code>a &lt;b&gt;</code>" in body
