"""Runs a program in a pseudo-terminal, for tests: python3 in-terminal.py COLUMNS ROWS PROGRAM [ARG...]

What the program writes goes to standard output. Standard input has one command a line, as JSON: {"write": text},
{"resize": [columns, rows]}, {"signal": number}. At the program's end, standard error has one line of JSON: its exit code
or signal, and whether its terminal is as it was.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main():
    columns, rows, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    # This process is what a shell is to the program: the leader of its session, which puts it into the foreground. So
    # it can be stopped, and the terminal's settings can still be read when it has ended.
    ours, theirs = pty.openpty()
    resize(theirs, columns, rows)
    before = termios.tcgetattr(theirs)
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    for ignored in (signal.SIGTTOU, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(theirs, os.getpid())
        for ignored in (signal.SIGTTOU, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_DFL)
        for descriptor in (0, 1, 2):
            os.dup2(theirs, descriptor)
        os.closerange(3, 256)
        os.execvp(program[0], program)

    buffered = b""
    inputs = [ours, 0]
    ended = None
    while True:
        ready, _, _ = select.select(inputs, [], [], 0.02)
        if ours in ready:
            os.write(1, os.read(ours, 65536))
            continue
        if ended is not None:
            break
        if 0 in ready:
            chunk = os.read(0, 65536)
            if chunk == b"":
                inputs.remove(0)
                os.kill(child, signal.SIGKILL)
            buffered += chunk
            *lines, buffered = buffered.split(b"\n")
            for line in lines:
                obey(json.loads(line), ours, child)
        pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if pid != 0 and os.WIFSTOPPED(status):
            sys.stderr.write(json.dumps({"stopped": True, "restored": restored(before, theirs)}) + "\n")
            sys.stderr.flush()
        elif pid != 0:
            ended = status
    code = os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else None
    by = os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else None
    sys.stderr.write(json.dumps({"code": code, "signal": by, "restored": restored(before, theirs)}) + "\n")


def restored(before, terminal):
    return before == termios.tcgetattr(terminal)


def obey(command, ours, child):
    if "write" in command:
        os.write(ours, command["write"].encode())
    if "resize" in command:
        resize(ours, *command["resize"])
    if "signal" in command:
        os.kill(child, command["signal"])


main()
