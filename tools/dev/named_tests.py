"""Whether every test that a table of ARCHITECTURE.md names in its last column is there: `file` "beginning of its name"."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
named = re.findall(r'\| `([a-z_]+)` "([^"]+)" \|$', (root / 'ARCHITECTURE.md').read_text(), re.MULTILINE)
missing = []
for file, name in named:
    path = root / 'tests/integration' / f'{file}.test.ts'
    text = path.read_text() if path.exists() else ''
    if not re.search(r"test\(\s*[`'\"]" + re.escape(name), text):
        missing.append(f'{file}: {name}')
if missing or not named:
    print('ARCHITECTURE.md names tests that are not there:', *(missing or ['none at all']), sep='\n  ')
    sys.exit(1)
print(f'{len(named)} tests named')
