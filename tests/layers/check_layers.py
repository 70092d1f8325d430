#!/usr/bin/env python3
"""check_layers.py SOURCE BUILD COMPILER: a layer sees the headers of the layers it names, and of no other.

BUILD/layers.txt is the table as CMake knows it; the include paths are those of BUILD/compile_commands.json, so what is
tried is what the compiler is really given. For every layer one translation unit asks __has_include for a header of
every layer. A control with one view too many must fail, or the test proves nothing. Arrows point down (a layer names
only layers declared before it), and no source includes by "../" or by an absolute path.
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys


def include_flags(build, target):
    """-I and -isystem of the first file of that target."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        output = words[words.index("-o") + 1]
        if not output.startswith(f"CMakeFiles/{target}.dir/"):
            continue
        flags = []
        for i, word in enumerate(words):
            if word == "-isystem":
                flags += [word, words[i + 1]]
            elif word.startswith("-I"):
                flags.append(word)
        return flags
    sys.exit(f"layers: no file of {target} is compiled")


def probe(layer, visible, headers):
    """A translation unit that fails for each header seen that should not be, and the other way round."""
    lines = []
    for other, header in headers.items():
        if other in visible:
            lines.append(f'#if !__has_include("{header}")\n#error {layer} names {other} but does not see {header}\n#endif')
        else:
            lines.append(f'#if __has_include("{header}")\n#error {layer} sees {header} without naming {other}\n#endif')
    return "\n".join(lines) + "\n"


def errors_of(compiler, flags, text):
    run = subprocess.run([compiler, "-std=c++23", "-fsyntax-only", "-ferror-limit=0", *flags, "-x", "c++", "-"],
                         input=text, text=True, capture_output=True)
    if run.returncode == 0:
        return []
    return [line.split("error: ", 1)[1] for line in run.stderr.splitlines() if "error: " in line] or [run.stderr]


def bad_includes(source):
    pattern = re.compile(r'^\s*#\s*include\s*["<](\.\./|/)', re.M)
    for folder in ("src", "tests", "bench"):
        for path in (source / folder).rglob("*.[ch]pp"):
            if "node_modules" not in path.parts and pattern.search(path.read_text()):
                yield f"{path.relative_to(source)} includes by ../ or by an absolute path"


def main():
    source, build, compiler = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    uses = {}
    for line in (build / "layers.txt").read_text().splitlines():
        layer, _, named = line.partition(":")
        uses[layer] = named.split()
    folders = {path.parent.relative_to(source / "src").as_posix() for path in (source / "src").rglob("*.[ch]pp")}
    # A layer may have folders of its own.
    def in_layer(folder):
        return any(folder == layer or folder.startswith(layer + "/") for layer in uses)

    failures = [f"src/{folder} is in no layer of CMakeLists.txt" for folder in sorted(folders) if not in_layer(folder)]
    headers = {layer: f"{layer}/{path.name}" for layer in uses
               for path in sorted((source / "src" / layer).glob("*.hpp"))[:1]}

    pairs = 0
    declared = set()
    for layer, named in uses.items():
        failures += [f"{layer} names {other}, which is not below it" for other in named if other not in declared]
        declared.add(layer)
        visible = {layer, *named}
        target = "gatecast_" + layer.replace("/", "_")
        flags = include_flags(build, target)
        failures += errors_of(compiler, flags, probe(layer, visible, headers))
        forbidden = [other for other in headers if other not in visible]
        pairs += len(forbidden)
        if forbidden:
            view = build / "view" / forbidden[0].replace("/", "_")
            if not errors_of(compiler, [*flags, f"-I{view}"], probe(layer, visible, headers)):
                failures.append(f"control: {layer} may see {forbidden[0]} and the probe does not notice")
    failures += bad_includes(source)

    for failure in failures:
        print("layers:", failure)
    print(f"layers: {len(uses)} layers, {pairs} forbidden pairs tried, {len(failures)} failures")
    sys.exit(1 if failures or pairs == 0 else 0)


main()
