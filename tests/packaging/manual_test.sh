#!/usr/bin/env bash
# The manual pages, the completion and the sample agent.yaml say what the programs take, all of it
# and nothing else.
# usage: manual_test.sh BPACTL BPA_GATEWAY BPA_EXECUTOR SOURCE_DIR
set -uo pipefail

bpactl=$1
gateway=$2
executor=$3
top=$4
man=$top/packaging/man
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}

# same WHAT EXPECTED FOUND: two sorted lists of lines.
same() {
  local difference
  difference=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | grep '^[<>]')
  [[ -n $difference ]] || return 0
  fail "$1 ('<': only in the program, '>': only there):"$'\n'"$difference"
}

# --- The pages are well-formed. Pages of programs that are not installed here cannot be found.
lint() { mandoc -T lint "$man"/*.[158] 2>&1 | grep -vE 'referenced manual not found|mandoc.db'; }
said=$(lint) && fail "mandoc: $said"

# --- Options. Long ones, of a program's help and of a page's part.
help_section() { awk -v heading="$1:" '/^[^ ]/ { inside = ($0 == heading); next } inside && /^  [^ ]/'; }
options_in_help() { help_section Options | grep -oE '^ +(-[a-z],)?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' | sort -u; }
verbs_in_help() { help_section Subcommands | awk '{ print $1 }'; }
described_in() { grep -E '^\.It Fl' "$1" | grep -oE -- '-[a-z][a-z0-9-]+' | sed 's/^/-/' | sort -u; }
# What the part of bpactl(1) under ".Ss $1" says after "Takes".
taken_in_page() {
  awk -v verb=".Ss $1" '/^\.S[sh]/ { inside = ($0 == verb) } inside && /^\.Fl -/ { print "-" $2 }' \
    "$man/bpactl.1" | sort | awk '!seen[$0]++'
}
has_part() { grep -qxF ".Ss $1" "$man/bpactl.1"; }

every_option=$("$bpactl" --help | options_in_help)
every_verb=
global=$(grep -vx -- --help <<<"$every_option")

# The completion function's answer to a line; the last argument is the word at the cursor.
# shellcheck source=packaging/completion/bpactl
. "$top/packaging/completion/bpactl"
complete_line() {
  # shellcheck disable=SC2034  # the function reads them
  COMP_WORDS=("$bpactl" "$@") COMP_CWORD=$#
  _bpactl
  printf '%s\n' "${COMPREPLY[@]}" | sort
}

check_verb() {
  local help options known name=$*
  help=$("$bpactl" "$@" --help) || fail "bpactl $name --help fails"
  options=$(options_in_help <<<"$help" | grep -vx -- --help)
  every_verb+=$name$'\n'
  every_option+=$'\n'$options
  has_part "$name" || fail "bpactl(1) has no part '.Ss $name'"
  # -h and -y are described with their long forms.
  known=$(complete_line "$@" -- | grep -- '^--')
  same "completion of 'bpactl $name --'" "$(printf '%s\n' "$options" --help "$global" | grep . | sort -u)" \
    "$known"
  # A group of verbs' own options show up with each of them.
  same "bpactl(1), options of '$name'" "$options" \
    "$(taken_in_page "$name" | sort -u)"
  local verb
  while read -r verb; do check_verb "$@" "$verb"; done < <(verbs_in_help <<<"$help")
}
while read -r verb; do check_verb "$verb"; done < <("$bpactl" --help | verbs_in_help)

same "bpactl(1), explained options" "$(grep . <<<"$every_option" | sort -u)" \
  "$(described_in "$man/bpactl.1")"
same "bpactl(1), verbs" "$(grep . <<<"$every_verb" | sort)" \
  "$(awk '/^\.Sh/ { inside = ($0 == ".Sh VERBS") } inside && /^\.Ss/ { sub(/^\.Ss /, ""); print }' \
    "$man/bpactl.1" | sort)"
same "completion of 'bpactl '" "$("$bpactl" --help | verbs_in_help | sort)" "$(complete_line '')"
same "bpa-gateway(8)" "$("$gateway" --help | options_in_help)" "$(described_in "$man/bpa-gateway.8")"
same "bpa-executor(8)" "$("$executor" --help | grep -oE -- '--[a-z-]+' | sort -u)" \
  "$(described_in "$man/bpa-executor.8")"

# --- Nodes' names.
mkdir "$scratch/home"
printf 'cluster: c\nnodes:\n  # one\n  node-1:\n    address: 10.0.0.1\n  other: {role: r}\nroles:\n  r: {}\n' \
  >"$scratch/home/cluster.yaml"
same "completion of nodes' names" $'node-1\nother' "$(BPA_HOME=$scratch/home complete_line verify '')"
same "completion of nodes' names below --home" node-1 \
  "$(complete_line --home "$scratch/home" verify no)"

# --- Settings: what the programs' parsers know.
known_keys() { tr '\n' ' ' | grep -oE 'ExpectKeys\( *\{[^}]*\}' | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u; }
keys_in_page() { grep -E '^\.It Ic|^\.Ic [a-z_]+( ,)?$' "$1" | tr ' ' '\n' | grep -xE '[a-z_]+' | sort -u; }
agent_keys=$(cat "$top"/agent/{gateway,executor}/config*.cc | known_keys)
cluster_keys=$(cat "$top"/controller/{cluster,roles,packages}.cc | known_keys)
missing() { comm -23 <(printf '%s\n' "$1") <(printf '%s\n' "$2") | tr '\n' ' '; }
sections='^(gateway|executor|policy)$'
for key in $(missing "$(grep -vE "$sections" <<<"$agent_keys")" "$(keys_in_page "$man/bpa-agent.yaml.5")"); do
  fail "bpa-agent.yaml(5) does not explain '$key'"
done
for key in $(missing "$cluster_keys" "$(keys_in_page "$man/bpa-cluster.yaml.5")"); do
  fail "bpa-cluster.yaml(5) does not explain '$key'"
done
sample=$top/packaging/agent.yaml
sample_keys=$(sed 's/#.*//' "$sample" | grep -oE '[a-z_]+:( |$)' | tr -d ': ' | sort -u)
for key in $(missing "$agent_keys" "$sample_keys"); do
  fail "packaging/agent.yaml does not show '$key'"
done

# --- The sample is taken by both programs. Only what it names differs: keys that are there.
mkdir "$scratch/signers"
openssl genpkey -algorithm ed25519 -out "$scratch/report.key" 2>/dev/null
chmod 600 "$scratch/report.key"
openssl pkey -in "$scratch/report.key" -pubout -out "$scratch/signers/one.pem"
sed -e "s|/etc/bpa-agent/trusted-signers.d|$scratch/signers|" \
  -e "s|/etc/bpa-agent/report.key|$scratch/report.key|" \
  -e "s|gateway_user: bpa-agent|gateway_user: 1|" "$sample" >"$scratch/agent.yaml"
chmod 644 "$scratch/agent.yaml"
accepts() {
  local said
  said=$("$@" --config "$scratch/agent.yaml" --check-config 2>&1) ||
    fail "$* does not take packaging/agent.yaml: $said"
}
accepts "$executor"
if [[ $EUID -ne 0 ]]; then
  accepts "$gateway"
else
  # It refuses to run as root, and this directory may be closed to others.
  install -m 755 "$gateway" "$scratch/bpa-gateway"
  chmod 755 "$scratch"
  accepts setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/bpa-gateway"
fi

exit "$failed"
