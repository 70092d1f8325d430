#!/usr/bin/env python3
"""Proves that the simulation can fail: each mutant of tests/mutants/*.txt must turn it red.

mutants.py --standing: only looks whether the lines of each stand in its file, exactly once.
mutants.py [PART OF A NAME]: with build/check built, compiles the mutated file aside, links it with the stories instead of
the true one, and runs them. A mutant's lines are replaced in its file, where they must stand exactly once. A file's
line `stories TEST OBJECT...` names the program and the objects with its stories; without one they are the hub's.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / "build/check"
OUT = TREE / "mutants"
TEST = "tests/gatecast_hub_test"
STORIES = ("simulation_test.cpp.o", "reference_test.cpp.o")
SEEDS = "200"


def read(path):
    """Program, objects, and mutants as [name, file, old, new]: `mutant NAME`, `file PATH`, lines with `- ` and `+ `."""
    mutants = []
    test, stories = TEST, STORIES
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("stories "):
            test, *stories = line[8:].split()
        elif line.startswith("mutant "):
            mutants.append([line[7:], None, [], []])
        elif line.startswith("file "):
            mutants[-1][1] = line[5:]
        elif line.startswith("- ") or line == "-":
            mutants[-1][2].append(line[2:])
        elif line.startswith("+ ") or line == "+":
            mutants[-1][3].append(line[2:])
        elif line and not line.startswith("#"):
            sys.exit(f"{path}:{number}: unknown line")
    return test, tuple(stories), mutants


def compile_mutant(file, old, new, commands):
    source = (ROOT / file).read_text()
    if source.count(old) != 1:
        return None, f"its lines stand {source.count(old)} times in {file}"
    mutated = OUT / pathlib.Path(file).name
    mutated.write_text(source.replace(old, new))
    words = commands[str(ROOT / file)].split()
    result = OUT / "mutant.o"
    words[words.index("-o") + 1] = str(result)
    words[-1] = str(mutated)
    # A mutant may leave something unused.
    made = subprocess.run(words + ["-Wno-error"], cwd=TREE, capture_output=True, text=True, check=False)
    return (result, None) if made.returncode == 0 else (None, made.stderr)


def link(result, line, stories):
    words = line.split(" && ")[1].split() if " && " in line else line.split()
    objects = [w for w in words if w.endswith("_test.cpp.o")]
    kept = [w for w in words if w not in objects]
    kept[kept.index("-o") + 1] = str(OUT / "stories")
    kept[1:1] = [str(result)] + [o for o in objects if o.endswith(stories)]
    return subprocess.run(kept, cwd=TREE, capture_output=True, text=True, check=False)


def standing():
    wrong = 0
    for path in sorted((ROOT / "tests/mutants").glob("*.txt")):
        for name, file, old, _ in read(path)[2]:
            count = (ROOT / file).read_text().count("\n".join(old))
            if count != 1:
                print(f"{path.name}: {name}: its lines stand {count} times in {file}")
                wrong += 1
    sys.exit(1 if wrong else 0)


def main():
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    if part == "--standing":
        standing()
    OUT.mkdir(exist_ok=True)
    commands = {c["file"]: c["command"] for c in json.loads((TREE / "compile_commands.json").read_text())}
    environment = dict(os.environ, GATECAST_SEEDS=SEEDS)
    failed = 0
    for path in sorted((ROOT / "tests/mutants").glob("*.txt")):
        test, stories, mutants = read(path)
        line = subprocess.run(["ninja", "-t", "commands", "-s", test], cwd=TREE, capture_output=True, text=True,
                              check=True).stdout.strip()
        for name, file, old, new in mutants:
            if part not in name:
                continue
            started = time.monotonic()
            result, problem = compile_mutant(file, "\n".join(old), "\n".join(new), commands)
            if not problem:
                linked = link(result, line, stories)
                problem = linked.stderr if linked.returncode else None
            if not problem:
                try:
                    run = subprocess.run([OUT / "stories", "--gtest_filter=*Stories*", "--gtest_fail_fast"], cwd=TREE,
                                         capture_output=True, timeout=120, env=environment, check=False)
                    problem = "the stories do not see it" if run.returncode == 0 else None
                except subprocess.TimeoutExpired:
                    pass  # it never ends: seen
            failed += bool(problem)
            print(f"{'NOT SEEN' if problem else 'seen    '}  {name} ({time.monotonic() - started:.0f} s)"
                  + (f": {problem.splitlines()[0]}" if problem else ""), flush=True)
    sys.exit(1 if failed else 0)


main()
