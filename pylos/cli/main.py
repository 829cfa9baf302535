"""The `pylos` command: its arguments, its exit codes, and how it ends. Nothing heavy is imported to parse them."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from pylos.cli.arguments import LIGHTNING_COMMANDS, command_parser
from pylos.errors import ConfigurationError, PylosError
from pylos.system.output import drop_unwritable_output, flush_stdout, prepare_streams, print_stderr
from pylos.system.processes import check_rank_variables, started_by_pylos
from pylos.system.rank_watch import NEWS_SECONDS, end_watch, join_parent, note_for_launcher, present_watch
from pylos.system.signals import (
    code_after,
    end_soon_after_signals,
    end_with_parent,
    exit_code,
    print_interrupted,
    received_signal,
    set_resume_command,
    signals_as_exceptions,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: the arguments after the command's name; None: those of this process.

    Returns:
        the exit code: 0; 1 if a checkpoint could not be evaluated or the reader of the output went away; 2, with one
        line on stderr, for bad input and for a full disk or memory; 130 after Ctrl-C; 143 after SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # These can be resumed by the same command; fit sets its own when it knows its run.
    set_resume_command(
        shlex.join(["pylos", *arguments]) if arguments[:1] in (["evaluate"], ["solve"]) else ""
    )
    with signals_as_exceptions():
        code = _reported(arguments)
        end_watch(well=code == 0)
        return code


def console() -> NoReturn:
    """What the installed command calls."""
    prepare_streams()
    try:
        if started_by_pylos():
            end_with_parent(quietly=True)
            join_parent()
        else:
            end_soon_after_signals()
            if "TORCHELASTIC_RUN_ID" in os.environ:
                end_with_parent(quietly=False)
        code = main()
    except OSError as error:  # not even a pipe could be made
        code = _fail(str(error))
    except BaseException:
        if not received_signal():
            raise
        code = 1  # a library turned the interrupt into another error
    if number := received_signal():
        if code != code_after(number):
            print_interrupted()
        drop_unwritable_output()
        os._exit(code_after(number))  # at once: the usual end of Python can take a second and saves nothing
    drop_unwritable_output()
    sys.exit(code)


def _reported(arguments: list[str]) -> int:
    """Runs the command, and reports its errors in one line; returns the exit code."""
    try:
        code = _run(arguments)
        flush_stdout()  # now, because an error at the process's end would be a traceback
        return code
    except PylosError as error:
        return _fail(str(error))
    except MemoryError as error:
        return _fail(f"not enough memory: {error}")
    except KeyboardInterrupt as interrupt:
        if watch := present_watch():
            watch.hears_failure(NEWS_SECONDS / 10)  # for which a launcher may have ended this rank
            watch.report("", exit_code(interrupt))
        print_interrupted()
        return exit_code(interrupt)
    except BrokenPipeError:  # the reader of our output, such as `head`, has ended
        return 1
    except OSError as error:  # the disk is full, a folder may not be written to
        return _fail(str(error))
    except Exception as error:
        watch = present_watch()
        if watch is None:
            raise
        # The failure of another rank breaks connections of this one.
        if not watch.hears_failure(NEWS_SECONDS):
            traceback.print_exc()
        return _fail(f"{type(error).__name__}: {error}", 1)


def _run(arguments: list[str]) -> int:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ConfigurationError("NUMBA_DISABLE_JIT is set, but some kernels work only compiled: unset it")
    if arguments and arguments[0] in LIGHTNING_COMMANDS:
        check_rank_variables()
        from pylos.cli import lightning_cli

        return lightning_cli.run(arguments)
    try:
        options = command_parser().parse_args(arguments)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    code: int = options.run(options)
    return code


def _fail(message: str, code: int = 2) -> int:
    sentence = " ".join(message.split())
    if watch := present_watch():
        watch.hears_failure(NEWS_SECONDS / 10)  # of which this error may be a consequence
        line, code = watch.report(sentence, code)
    else:
        line = note_for_launcher(sentence)
    if line:
        print_stderr(line)
    return code
