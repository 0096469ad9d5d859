"""``python -m tests.fuzz --cases 5000 images``: many cases, in processes that may crash."""

import argparse
import faulthandler
import json
import subprocess
import sys
from collections import Counter

from tests.fuzz.harness import SECONDS, Unsound, find_targets, run_case


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="names of targets; none: all")
    parser.add_argument("--cases", type=int, default=1000, help="how many of each target")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = find_targets()
    targets = options.targets or list(known)
    if unknown := set(targets) - set(known):
        parser.error(f"unknown targets {sorted(unknown)}: expected some of {list(known)}")
    if options.worker:
        return work(known[targets[0]], options.first, options.cases)
    n_unsound = 0
    for name in targets:
        counts = supervise(name, options.first, options.cases)
        n_unsound += counts["unsound"]
        print(f"{name}: {options.cases} cases: {dict(counts)}", flush=True)
    return int(n_unsound > 0)


def work(case, first, n_cases):
    """Run cases, and write a line of JSON before and after each."""
    faulthandler.enable()
    for seed in range(first, first + n_cases):
        print(json.dumps(["begin", seed]), flush=True)
        # For a hang in code that no signal interrupts.
        faulthandler.dump_traceback_later(3 * SECONDS, exit=True)
        try:
            message = run_case(case, seed)
            ending = "passed" if message is None else "refused"
        except Unsound as fault:
            ending, message = "unsound", str(fault)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps([ending, message]), flush=True)
    return 0


def supervise(name, first, n_cases):
    """Run cases in another process; if it dies, count that case and go on with the next."""
    counts, end = Counter(passed=0, refused=0, unsound=0), first + n_cases
    while first < end:
        command = [sys.executable, "-m", "tests.fuzz", "--worker", name]
        command += ["--first", str(first), "--cases", str(end - first)]
        seed = None
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            for line in worker.stdout:
                ending, what = json.loads(line)
                if ending == "begin":
                    seed = what
                    continue
                counts[ending] += 1
                first = seed + 1
                if ending == "unsound":
                    print(f"{name}: {what}", flush=True)
        if first < end:
            if seed is None:
                raise RuntimeError(f"the process of {name} does not start: {' '.join(command)}")
            counts["unsound"] += 1
            print(f"{name}: seed {seed}: the process died with {worker.returncode}", flush=True)
            first = seed + 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
