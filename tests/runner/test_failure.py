"""Where it failed is where the fault is, also when a worker came upon it."""

from nbformat import v4

from analytics.runner.child import Ended
from analytics.runner.execute import Executed
from analytics.runner.failure import describe

OF_WORKER = '''_RemoteTraceback:
"""
Traceback (most recent call last):
  File "/srv/analytics/engine.py", line 180, in _run
  File "/srv/analytics/anomalies/own.py", line 44, in beyond
TypeError: no
"""
'''
WAITING = "File /srv/analytics/engine.py:267, in _pooled(jobs, workers)"


def place(*trace):
    error = v4.new_output("error", ename="TypeError", evalue="no", traceback=list(trace))
    notebook = v4.new_notebook(cells=[v4.new_code_cell("found = find()", outputs=[error])])
    failed = describe(Executed(notebook, Ended("failed", "", 1, 1), at=0), stage="x", notebook="x.ipynb", parameters={}, partial=None)
    return next(line.split(maxsplit=1)[1] for line in str(failed).splitlines() if line.startswith("  where"))


def test_it_is_the_last_frame_of_the_package():
    assert place("File /srv/analytics/engine.py:100, in map(jobs)", WAITING) == "analytics/engine.py:267 in _pooled"
    assert place("Cell In[1], line 1") == "(the cell itself)"


def test_what_a_worker_came_upon_is_not_where_it_was_waited_for():
    assert place(OF_WORKER, WAITING) == "analytics/anomalies/own.py:44 in beyond"
