#!/usr/bin/env python3
"""count_results.py DIR: what the runners of ./dev test reported, as the line `N passed, N failed`.

Read are ctest.xml (JUnit), gtest/*.json (the cases of a unit-test program; a program that is not among them counts as
one test), *.tap (node --test) and notes.jsonl (one check a line). A program that failed without a failed case, or that
left no report, counts as one failure. Exit 1 when anything failed or nothing ran.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml


def gtest_cases(path):
    report = json.loads(path.read_text())
    disabled = report["disabled"]
    skipped = sum(case["result"] == "SKIPPED" for suite in report["testsuites"] for case in suite["testsuite"])
    failed = report["failures"] + report["errors"]
    return report["tests"] - disabled - skipped - failed, failed, skipped


def ctest(results):
    passed = failed = skipped = 0
    for case in xml.parse(results / "ctest.xml").getroot().iter("testcase"):
        ok = case.get("status") == "run"
        skip = case.find("skipped")
        if skip is not None and skip.get("message", "").startswith("SKIP_"):
            skipped += 1
            continue
        name = case.get("name")
        report = results / "gtest" / f"gatecast_{name.removeprefix('unit/').replace('/', '_')}_test.json"
        try:
            p, f, s = gtest_cases(report) if name.startswith("unit/") else (int(ok), int(not ok), 0)
        except (OSError, ValueError, KeyError):
            p, f, s = 0, 1, 0
        passed, failed, skipped = passed + p, failed + f + int(not ok and f == 0), skipped + s
    return passed, failed, skipped


def tap(path):
    said = dict(re.findall(r"^# (pass|fail|cancelled|skipped|todo) (\d+)$", path.read_text(), re.M))
    if "pass" not in said:
        return 0, 1, 0
    return int(said["pass"]), int(said["fail"]) + int(said["cancelled"]), int(said["skipped"]) + int(said["todo"])


def main():
    results = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1] else None
    counts = [0, 0, 0]
    if results and results.is_dir():
        parts = [ctest(results)] if (results / "ctest.xml").exists() else []
        parts += [tap(path) for path in sorted(results.glob("*.tap"))]
        if (results / "notes.jsonl").exists():
            notes = map(json.loads, (results / "notes.jsonl").read_text().splitlines())
            parts += [(note["passed"], note["failed"], 0) for note in notes]
        counts = [sum(column) for column in zip(*parts)] if parts else counts
    passed, failed, skipped = counts
    if skipped:
        print(f"{skipped} skipped, each with its reason above")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
