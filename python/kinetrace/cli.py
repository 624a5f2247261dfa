"""The command line: `kinetrace score`, `demo`, `simulate`, `eval`, `info`, `plugin-path`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each command's module declares its own options."""
    from . import __version__, info
    from .benchmarks.newtonbench import command as newtonbench
    from .integrations import _plugins
    from .video import demo, runner

    parser = argparse.ArgumentParser(prog="kinetrace", description="Motion quantities of video.")
    parser.add_argument("--version", action="version", version=f"kinetrace {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    score = commands.add_parser("score", help="score what moves in video files against constant acceleration")
    runner.add_arguments(score)
    score.set_defaults(run=runner.run)
    show = commands.add_parser("demo", help="render known motions and measure them; needs no input")
    demo.add_arguments(show)
    show.set_defaults(run=demo.run)
    simulate = commands.add_parser("simulate", help="render the clips of a benchmark, with their truth")
    simulated = simulate.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    newtonbench.add_simulate(simulated.add_parser("newtonbench", help="motion primitives, lawful and not"))
    judge = commands.add_parser("eval", help="score predictions against the truth of a benchmark")
    judged = judge.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    newtonbench.add_eval(judged.add_parser("newtonbench", help="table by primitive and split"))
    info.add_parser(commands)
    path = commands.add_parser("plugin-path", help="print where the plug-in file for a trainer lies")
    _plugins.add_arguments(path)
    path.set_defaults(run=_plugins.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; exit status 0: fine, 1: something failed, 2: wrong usage, 130: interrupted."""
    from .video.errors import InputError, MissingExtraError

    args = build_parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
        return status
    except (InputError, MissingExtraError) as error:
        print(f"kinetrace {args.command}: error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader of our output has gone; keep the interpreter from complaining about it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        print(f"kinetrace {args.command}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\nkinetrace: interrupted; the same command goes on where it stopped if --out was given",
            file=sys.stderr,
        )
        return 130


if __name__ == "__main__":
    sys.exit(main())
