import pytest

from analytics.reporting.check import MAX_BYTES, check_page

GOOD = (
    '<h1>Title</h1><figure id="f"><svg role="img" aria-label="A line that rises."></svg><figcaption>How to read it.</figcaption></figure>'
)


def test_a_good_page_has_nothing_wrong():
    assert (
        check_page(
            GOOD + '<a href="https://example.org">a link is not fetched</a><img alt="Two bars, both short." src="data:image/png;base64,AA">'
        )
        == []
    )


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ('<script src="https://cdn.example.org/x.js"></script>', "<script src> fetches from outside"),
        ('<script src="//cdn.example.org/x.js"></script>', "fetches from outside"),
        ('<link rel="stylesheet" href="http://example.org/x.css">', "<link href> fetches from outside"),
        ('<img alt="Two bars." src="https://example.org/x.png">', "<img src> fetches from outside"),
        ('<svg role="img" aria-label="A long line."><image href="https://example.org/x.png"/></svg>', "<image href> fetches"),
        ("<style>@import 'x.css';</style>", "a style fetches from outside"),
        ("<style>a { background: url(https://example.org/x.png) }</style>", "a style fetches from outside"),
        ("<style>a { background: url('https://example.org/x.png') }</style>", "a style fetches from outside"),
        ('<p style="background: url(//example.org/x)">x</p>', "a style fetches from outside"),
        ('<img src="data:image/png;base64,AA">', "has no words"),
        ('<img alt="" src="data:image/png;base64,AA">', "has no words"),
        ('<svg viewBox="0 0 1 1"></svg>', "has no words"),
        ('<img alt="No description has been provided for this image" src="data:,">', "has a placeholder"),
        ('<svg role="img" aria-label="Figure 3"></svg>', "has a placeholder"),
        ('<figure><svg role="img" aria-label="A line."></svg></figure>', "a figure has no caption"),
        ("<h1>Another</h1>", "2 main headings"),
        ('<p id="f">x</p>', "id 'f' is used more than once"),
        ("x" * MAX_BYTES, "allowed are 200,000"),
    ],
)
def test_what_is_wrong_is_said(part, said):
    (found,) = check_page(GOOD + part)
    assert said in found


def test_decoration_needs_no_words():
    assert check_page(GOOD + '<svg aria-hidden="true"></svg>') == []
