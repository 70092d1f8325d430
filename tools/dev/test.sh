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

# Three at a time: much of a test is waiting for what it asked for. Browsers are at work themselves: two.
run_node_tests() {
  local tree=$1 tap=$2
  shift 2
  GATECAST_BIN="$ROOT/build/$tree/gatecast" GATECAST_FLAVOUR="$tree" GATECAST_BUILD="$ROOT/build" \
    node --disable-warning=ExperimentalWarning --test --test-concurrency="${TEST_CONCURRENCY:-3}" \
    --test-timeout="${TEST_TIMEOUT_MS:-300000}" --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$RESULTS/$tap.tap" "$@"
}

# node_tests FOLDER TREE [NAME]: those of many nodes have Redis and PostgreSQL in any case, and a step of their own.
node_tests() {
  local folder=$1 tree=$2 name=${3:-} files
  mapfile -t files < <(compgen -G "tests/$folder/*${name}*.test.ts" |
    { if [ -n "$name" ]; then cat; else grep -vE '/(cluster|fault)_'; fi; })
  [ ${#files[@]} -gt 0 ] || die "no tests/$folder/*${name}*.test.ts"
  run_node_tests "$tree" "$folder" "${files[@]}"
}

# What ./dev test runs of the suite on Redis and PostgreSQL; the rest is ./dev test shared.
SHARED_SHORT=(cluster_story cluster_sessions cluster_affairs signin grants centrifuge_recovery)

# shared_tests TREE [NAME | short]
shared_tests() {
  local tree=$1 name=${2:-} files
  if [ "$name" = short ]; then
    files=("${SHARED_SHORT[@]/#/tests/integration/}")
    files=("${files[@]/%/.test.ts}")
  else
    mapfile -t files < <(compgen -G "tests/integration/*${name}*.test.ts")
  fi
  [ ${#files[@]} -gt 0 ] || die "no tests/integration/*${name}*.test.ts"
  GATECAST_BACKENDS=shared run_node_tests "$tree" shared "${files[@]}"
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
  one_check "tests named by ARCHITECTURE.md" python3 tools/dev/named_tests.py || failed=1
  one_check "mutants stand in their files" python3 tools/dev/mutants.py --standing || failed=1
  return $failed
}

cmd_test() {
  local what=${1:-all} tree=check filter=${2:-}
  case $what in
    all | unit | integration | shared | browser | quick) ;;
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
  case $what in all) step shared shared_tests "$tree" short || true ;; shared) step shared shared_tests "$tree" "$filter" || true ;; esac
  case $what in all | browser) TEST_CONCURRENCY=${TEST_CONCURRENCY:-2} step browser node_tests e2e "$tree" "$filter" || true ;; esac
  finish
}
