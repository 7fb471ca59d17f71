"""Cells run in a forked child as they do in a kernel, within limits."""

import contextlib
import os
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from analytics import session
from analytics.runner import child, execute
from analytics.runner.child import Limits, run_child
from analytics.runner.normalise import as_text, normalise
from tests import trial

CELLS = [
    "# Title",
    "import sys\nprint('seen', service)\nprint('late', file=sys.stderr)\nprint('again')",
    "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    trial.FIGURE,
    "from IPython.display import HTML, display\nhandle = display(HTML('first'), display_id='one')\nhandle.update(HTML('second'))",
    "fig, ax = plt.subplots()\nax.plot([3, 1])\nfig",
    "await __import__('asyncio').sleep(0)\n6 * 7",
]


def _execute(path: Path, **options):
    usual = {"parameters": {}, "environment": {}, "limits": Limits(60), "log": path.parent / "output.log"}
    return execute.execute(path, **{**usual, **options})


def _outputs(executed) -> list[list[dict]]:
    return [cell.outputs for cell in executed.notebook.cells if cell.cell_type == "code"]


@pytest.mark.filterwarnings("ignore")
def test_forked_child_and_kernel_give_the_same_bytes(tmp_path):
    path = trial.write_notebook(tmp_path / "n.ipynb", CELLS)
    forked, kernel = (as_text(normalise(_execute(path, parameters={"service": "web"}, fork=fork).notebook)) for fork in (True, False))
    assert '"seen web\\n' in forked
    assert '"image/png"' in forked
    assert forked == kernel


@pytest.mark.filterwarnings("ignore")
def test_failing_cell_is_the_same_in_a_kernel(tmp_path):
    path = trial.write_notebook(tmp_path / "n.ipynb", ["# Title", "1 / 0", "print('never')"])
    for fork in (True, False):
        executed = _execute(path, fork=fork)
        assert executed.ended.reason == "failed"
        assert executed.at == 2
        assert _outputs(executed)[1][0].ename == "ZeroDivisionError"
        assert _outputs(executed)[2] == []


def test_display_that_is_updated_shows_its_last_state(tmp_path):
    path = trial.write_notebook(tmp_path / "n.ipynb", CELLS[:1] + CELLS[4:5])
    [shown] = _outputs(_execute(path))[1]
    assert shown.data["text/html"] == "second"


def test_cleared_output_is_gone(tmp_path):
    cells = ["# T", "from IPython.display import clear_output\nprint('old')\nclear_output(wait=True)\nprint('new')"]
    [shown] = _outputs(_execute(trial.write_notebook(tmp_path / "n.ipynb", cells)))[1]
    assert shown.text == "new\n"


def test_children_do_not_see_each_others_state(tmp_path):
    first = trial.write_notebook(tmp_path / "a.ipynb", ["# A", "import builtins\nbuiltins.left_behind = 1"])
    second = trial.write_notebook(tmp_path / "b.ipynb", ["# B", "import builtins\nhasattr(builtins, 'left_behind')"])
    _execute(first)
    assert _outputs(_execute(second))[1][0].data["text/plain"] == "False"


def test_cell_beyond_the_time_limit_is_stopped(tmp_path):
    path = trial.write_notebook(tmp_path / "n.ipynb", ["# T", "print('first')", "while True: pass"])
    executed = _execute(path, limits=Limits(seconds=1))
    assert executed.ended.reason == "time"
    assert "limit of 1 s" in executed.ended.detail
    assert executed.at == 3
    assert _outputs(executed)[1][0].text == "first\n"


def test_cell_beyond_the_memory_limit_is_stopped(tmp_path):
    hungry = "import numpy as np\nheld = [np.ones(10_000_000)]\nwhile True: held.append(held[0] * 1)"
    path = trial.write_notebook(tmp_path / "n.ipynb", ["# T", hungry])
    executed = _execute(path, limits=Limits(seconds=60, memory_bytes=900 * 2**20))
    assert executed.ended.reason == "memory"
    assert "limit of 900 MB" in executed.ended.detail


def test_crash_of_the_child_is_told_with_its_signal(tmp_path):
    path = trial.write_notebook(tmp_path / "n.ipynb", ["# T", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"])
    executed = _execute(path)
    assert executed.ended.reason == "killed"
    assert "SIGKILL" in executed.ended.detail


def test_processes_that_a_cell_started_end_with_it(tmp_path):
    path = trial.write_notebook(tmp_path / "n.ipynb", ["# T", "import subprocess\nprint(subprocess.Popen(['sleep', '60']).pid)"])
    pid = int(_outputs(_execute(path))[1][0].text)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=10)
    assert not psutil.pid_exists(pid)


def test_child_tells_what_it_raised(tmp_path):
    told = []

    def work(send):
        raise ValueError("too few rows: 3")

    ended = run_child(work, limits=Limits(20), log=tmp_path / "log", on_event=told.append)
    assert ended.reason == "failed"
    assert (told[0]["raised"], told[0]["message"]) == ("ValueError", "too few rows: 3")


def test_large_event_arrives_whole(tmp_path):
    told = []
    ended = run_child(lambda send: send({"text": "x" * 3_000_000}), limits=Limits(20), log=tmp_path / "log", on_event=told.append)
    assert ended.reason == "done"
    assert len(told[0]["text"]) == 3_000_000


def test_last_words_of_a_child_are_heard_however_it_was_scheduled():
    class EndsWhenAsked:
        """A child that sends its last event and ends just before it is asked; another process holds its end of the pipe."""

        exceeded = None
        last: ClassVar = [b'{"text": "last"}\n']

        def is_over(self) -> bool:
            os.write(write_end, self.last.pop() if self.last else b"")
            return True

    read_end, write_end = os.pipe()
    told: list[dict] = []
    child._listen(read_end, told.append, lambda: None, EndsWhenAsked())
    os.close(read_end)
    os.close(write_end)
    assert told == [{"text": "last"}]


def test_linear_algebra_has_one_thread_in_the_child(tmp_path):
    asked = "import numpy, threadpoolctl, pyarrow\n{p['num_threads'] for p in threadpoolctl.threadpool_info()} | {pyarrow.cpu_count()}"
    path = trial.write_notebook(tmp_path / "n.ipynb", ["# T", asked])
    assert _outputs(_execute(path))[1][0].data["text/plain"] == "{1}"


def test_engine_is_registered_with_papermill():
    from papermill.engines import papermill_engines

    execute.register_engine()
    assert papermill_engines.get_engine("analytics").__name__ == "InProcessEngine"


def test_a_program_with_a_shell_of_its_own_can_run_a_notebook(tmp_path):
    from IPython.core.interactiveshell import InteractiveShell

    path = trial.write_notebook(tmp_path / "n.ipynb", ["# Title", "6 * 7"])
    own = InteractiveShell.instance()
    try:
        executed = _execute(path)
        assert _outputs(executed)[1][0].data["text/plain"] == "42"
        assert InteractiveShell.instance() is own
    finally:
        InteractiveShell.clear_instance()


def test_a_copied_notebook_must_name_its_own_stage(monkeypatch):
    monkeypatch.setenv("ANALYTICS_STAGE", "slo")
    with pytest.raises(ValueError, match=r'that of stage \'slo\', yet it begins with store.begin\("summary"\)'):
        session.begin("summary")
