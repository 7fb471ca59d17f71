"""What an alert says to the person it wakes."""

from tests.alerts.made import only, plain, row


def test_a_message_says_what_where_since_when_how_large_and_why():
    alert = only(row(size="[15, 21], 3.2 times its usual scatter", event="deploy 'web 2.4', 2 Mar 00:00", evidence="drift.html#a"))
    assert alert["title"] == "web: latency_ms +18 % in eu"
    assert plain(alert["text"]).splitlines() == [
        "What: latency_ms +18 %: [15, 21], 3.2 times its usual scatter (drift, worse)",
        "Where: web, eu",
        "Since: 2 Mar 2026 00:00, known 2 Mar 2026 00:10",
        "Likely why: deploy 'web 2.4', 2 Mar 00:00",
    ]
    assert alert[["event", "evidence"]].tolist() == ["deploy 'web 2.4', 2 Mar 00:00", "drift.html#a"]


def test_the_gravest_finding_that_goes_on_speaks_for_the_others():
    rows = [row(f"f{k}", 10, region=f"r{k}", severity=30.0 + k, what=f"signal {k} rose") for k in range(8)]
    over = row("f7", 60, region="r7", severity=37.0, what="signal 7 rose", end=50)
    lines = plain(only(*rows, over)["text"]).splitlines()
    assert only(*rows, over)["title"] == "web: signal 6 rose in r6, and 7 more"
    assert lines[0] == "What: signal 6 rose (drift, worse)"
    assert lines[1] == "Where: web, r0, r1, r2 and 5 more"
    assert lines[4:] == [*(f"Also: signal {k} rose (drift, worse) in r{k}" for k in (5, 4, 3, 2, 1)), "Also: 2 more"]


def test_a_resolved_alert_says_since_when_and_why_it_is_over():
    lines = plain(only(row(region=None), row(known=60, end=50, region=None, state="accepted"))["text"]).splitlines()
    assert lines[1:4] == [
        "Where: web, all its regions",
        "Since: 2 Mar 2026 00:00, known 2 Mar 2026 00:10; over 2 Mar 2026 00:50, it was accepted as the new normal",
        "Likely why: nothing was declared near its start",
    ]


def test_an_alert_that_came_back_says_how_often():
    rows = row("a", 10), row("a", 60, end=50), row("b", 300, start=290)
    assert plain(only(*rows)["text"]).splitlines()[-1] == "It came back 1 time after it was resolved."
