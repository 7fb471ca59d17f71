"""The command that DVC starts for a stage while a warm process waits: it hands its work over and passes on the exit code.

Started as a script by `warm`, with nothing but the standard library, because each of its milliseconds is paid once per stage.
"""

import array
import json
import os
import signal
import socket
import sys

__all__ = ["forward", "main"]

VARIABLE = "ANALYTICS_WARM"
CANNOT_ASK = -1


def forward(arguments: list[str]) -> int:
    """Exit code of the command `arguments`, run by the warm process; `CANNOT_ASK` if there is none."""
    address = os.environ.get(VARIABLE, "")
    if not address or len(arguments) != 2 or arguments[0] != "run":
        return CANNOT_ASK
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except OSError:
        # It has ended, or this is a shell that outlived it: the command does its work itself.
        return CANNOT_ASK
    with connection:
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        request = json.dumps({"stage": arguments[1], "folder": os.getcwd(), "environment": environment}).encode()
        # The warm process writes to this command's own output: a terminal stays a terminal.
        streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1, 2]))]
        connection.sendmsg([len(request).to_bytes(8, "big")], streams)
        connection.sendall(request)
        try:
            answer = connection.recv(8)
        except KeyboardInterrupt:
            # To the warm process the end of what is sent says: stop. The stage cleans up, says so here and has its exit code.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(8)
    return int(answer) if answer else 1


def main() -> None:
    """Forward the command line; without a warm process start the whole program instead."""
    code = forward(sys.argv[1:])
    if code == CANNOT_ASK:
        # With this very folder first: a checkout's own code must run, whatever is installed.
        folder = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, known] if known else [folder])
        os.environ.pop(VARIABLE, None)
        os.execv(sys.executable, [sys.executable, "-c", "from analytics.cli import main; main()", *sys.argv[1:]])
    sys.exit(code)


if __name__ == "__main__":
    main()
