"""Parameters are complete, checked, and wrong ones are named."""

import pytest
import yaml
from pydantic import ValidationError

from analytics import params


def test_the_written_file_gives_the_same_parameters(tmp_path):
    path = tmp_path / "params.yaml"
    changed = params.Params(
        project={"name": "Zürich: #1", "latency_objective_ms": 250.0},
        ingest={"step_s": 60},
        sources={"a": {"kind": "files", "path": "x: y"}},
    )
    path.write_text(params.dump(changed), encoding="utf-8")
    assert params.load(path) == changed
    assert params.dump(params.load(path)) == params.dump(changed)


def test_the_written_file_is_complete_and_says_what_each_parameter_means():
    text = params.dump(params.Params())
    assert yaml.safe_load(text) == params.Params().model_dump()
    for name, _, _, meaning in params.describe():
        assert meaning, name
        assert meaning in text or name == "sources"


def test_comments_are_told_from_values():
    text = "# first\nproject: {name: 'a #1'}  #second\nsources:\n  a: {kind: files, path: x#y}\n  # third # of three\n"
    assert params.comments(text) == ["first", "second", "third # of three"]
    assert params.comments("sources: {}") == []


def test_an_empty_file_means_the_defaults(tmp_path):
    (tmp_path / "params.yaml").write_text("", encoding="utf-8")
    assert params.load(tmp_path / "params.yaml") == params.Params()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ingets": {}}, "params.yaml: 'ingets' is not a parameter; did you mean 'ingest'?"),
        ({"ingest": {"step": 60}}, "params.yaml: 'ingest.step' is not a parameter; did you mean 'step_s'?"),
        ({"ingest": {"xyzzy": 60}}, "'ingest.xyzzy' is not a parameter; known are step_s, max_rejected_share"),
        ({"ingest": {"step_s": "fast"}}, "'ingest.step_s' is 'fast': input should be a valid integer"),
        ({"ingest": {"step_s": 5}}, "'ingest.step_s' is 5: input should be greater than or equal to 60"),
        ({"project": {"accounting": {"outage_kk": 2}}}, "'project.accounting.outage_kk' is not a parameter; did you mean 'outage_k'?"),
        ({"project": {"accounting": {"count": "all"}}}, "'project.accounting.count' is 'all': input should be 'checks' or 'confirmed'"),
        ({"project": 5}, "'project' is 5: input should be a valid dictionary"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_would_be_right(values, message):
    with pytest.raises(ValueError) as failure:  # noqa: PT011  the message is compared below
        params.parse(values)
    assert message in str(failure.value)


def test_every_wrong_parameter_is_reported_at_once():
    with pytest.raises(ValueError, match="step_s") as failure:
        params.parse({"ingest": {"step_s": 1, "gap_factor": 0}, "slo": {"levl": 1}})
    assert len(str(failure.value).splitlines()) == 3


def test_a_file_that_is_no_yaml_says_so(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: [1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"params\.yaml is not valid YAML"):
        params.load(path)


@pytest.mark.parametrize("content", ["- a\n- b\n", "just text\n"])
def test_a_file_that_holds_no_names_says_so(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"params\.yaml"):
        params.load(path)


def test_overrides_of_a_stage_are_checked_like_the_file():
    assert params.section(params.Params(), "ingest", {"step_s": 600}).step_s == 600
    with pytest.raises(ValueError, match="parameters of 'ingest': 'stp_s' is not a parameter; did you mean 'step_s'"):
        params.section(params.Params(), "ingest", {"stp_s": 600})


def test_parameters_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        params.Params().ingest.step_s = 60


def test_the_project_s_own_file_is_complete(request):
    path = request.config.rootpath / "params.yaml"
    assert params.dump(params.load(path)) == path.read_text(encoding="utf-8")
