# ./dev test: one tree, then step by step; a failed step does not keep the next from running. Sourced by ./dev.
# Every step leaves its counts in RESULTS, and the last line is the sum of what the runners reported.

RESULTS=
STEPS=()
FAILED=0

# step NAME COMMAND...: runs it, notes time and outcome, goes on.
step() {
  local name=$1 start=$SECONDS outcome=ok
  shift
  say "$name"
  "$@" || { outcome=FAILED; FAILED=1; }
  STEPS+=("$(printf '%-22s %6d s  %s' "$name" $((SECONDS - start)) "$outcome")")
  [ $outcome = ok ]
}

count() { python3 tools/dev/count_results.py "$RESULTS"; }

# note NAME PASSED FAILED: for steps that have no runner of their own.
note() { printf '{"name": "%s", "passed": %d, "failed": %d}\n' "$1" "$2" "$3" >>"$RESULTS/notes.jsonl"; }

finish() {
  say "summary"
  printf '%s\n' "${STEPS[@]}"
  count || FAILED=1
  exit $FAILED
}

build_tree() {
  configure "$1" && make_targets "$1"
}

unit_tests() {
  local tree=$1 filter=${2:-}
  mkdir -p "$RESULTS/gtest"
  GTEST_OUTPUT="json:$RESULTS/gtest/" UBSAN_OPTIONS=print_stacktrace=1 \
    ctest --test-dir "build/$tree" -j2 --output-on-failure --no-tests=error --timeout 300 \
    --output-junit "$RESULTS/ctest.xml" ${filter:+-R "$filter"}
}

# node_tests FOLDER TREE [NAME]
node_tests() {
  local folder=$1 tree=$2 name=${3:-} code=0
  GATECAST_BIN="$ROOT/build/$tree/gatecast" GATECAST_FLAVOUR="$tree" GATECAST_BUILD="$ROOT/build" \
    node --disable-warning=ExperimentalWarning --test --test-concurrency=2 --test-timeout="${TEST_TIMEOUT_MS:-300000}" \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$RESULTS/$folder.tap" \
    "tests/$folder/*${name}*.test.ts" || code=1
  return $code
}

one_check() {
  local name=$1
  shift
  if "$@"; then note "$name" 1 0; printf 'ok  %s\n' "$name"; else note "$name" 0 1; printf 'FAILED  %s\n' "$name"; return 1; fi
}

locks_name_no_host() { ! grep -n '://' {tools/node,web,sdk,tests,bench/peers,examples/creator-platform,examples/telegram-mini-app}/package-lock.json; }
types_of() { "$1/node_modules/.bin/tsc" --noEmit -p "$1"; }

# Into sdk/*/dist, which tests and examples import.
build_sdk() { sdk/node_modules/.bin/tsc -b sdk; }

# What is quick and needs no build.
quick_checks() {
  [ -n "$RESULTS" ] || { RESULTS=$ROOT/build/lint-results; mkdir -p "$RESULTS"; }
  local failed=0
  one_check "generated files are up to date" python3 schema/generate.py kept --check || failed=1
  one_check "types of sdk" build_sdk || failed=1
  one_check "types of web" types_of web || failed=1
  one_check "types of tests" types_of tests || failed=1
  one_check "types of the Mini App" types_of examples/telegram-mini-app || failed=1
  one_check "lock files name no host" locks_name_no_host || failed=1
  return $failed
}

cmd_test() {
  local what=${1:-all} tree=check filter=${2:-}
  case $what in
    all | unit | integration | browser | quick) ;;
    tsan) tree=tsan ;;
    release) tree=release-test ;;
    *) usage >&2; exit 2 ;;
  esac
  step setup setup build test web || finish
  RESULTS=$ROOT/build/$tree/results
  rm -rf "$RESULTS"
  mkdir -p "$RESULTS"

  step sdk build_sdk || finish
  if [ "$what" = quick ] || [ "$what" = all ]; then step quick quick_checks || true; fi
  [ "$what" = quick ] && finish
  if ! step "build $tree" build_tree "$tree"; then
    note build 0 1
    finish
  fi
  case $what in all | unit | tsan | release) step unit unit_tests "$tree" "$filter" || true ;; esac
  case $what in all | integration | tsan | release) step integration node_tests integration "$tree" "$filter" || true ;; esac
  case $what in all | browser) step browser node_tests e2e "$tree" "$filter" || true ;; esac
  finish
}
