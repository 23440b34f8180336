#!/usr/bin/env bash
# Makes the golden envelopes beside this script with nothing of ours: the layout by printf, the
# signatures by the openssl command line (Ed25519: `openssl pkeyutl -sign -rawin` over the PAE).
# Run once; the results are committed, and the tests must be able to read them forever. Running it
# again makes new ECDSA signatures, since those are randomized; Ed25519 comes out the same.
#
# The private keys are fixed and public: they sign nothing but these files. Only
# `ed25519_test.key` and `p256_test.key` are made here, if they are missing.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C

type=application/vnd.bpa.command.v1+protobuf
payload='hello world'

[ -e ed25519_test.key ] || openssl genpkey -algorithm ED25519 -out ed25519_test.key
[ -e p256_test.key ] ||
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256_test.key
for name in ed25519_test p256_test; do
  openssl pkey -in "$name.key" -pubout -out "$name.pem"
done

u8() { printf '%b' "\\x$(printf %02x "$1")"; }
u32() { for shift in 24 16 8 0; do u8 $((($1 >> shift) & 255)); done; }
key_id() { openssl pkey -pubin -in "$1.pem" -outform DER | sha256sum | cut -c1-32; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'DSSEv1 %d %s %d %s' ${#type} "$type" ${#payload} "$payload" >"$work/pae"

# envelope FILE KEY...: an envelope signed by each of the keys.
envelope() {
  local file=$1 name
  shift
  {
    printf 'BPAE'
    u8 1
    u8 $#
    u8 ${#type}
    printf '%s' "$type"
    u32 ${#payload}
    printf '%s' "$payload"
    for name in "$@"; do
      case $name in
        ed25519_*) openssl pkeyutl -sign -inkey "$name.key" -rawin -in "$work/pae" -out "$work/sig" ;;
        p256_*) openssl dgst -sha256 -sign "$name.key" -out "$work/sig" "$work/pae" ;;
      esac
      u8 32
      printf '%s' "$(key_id "$name")"
      u8 "$(stat -c %s "$work/sig")"
      cat "$work/sig"
    done
  } >"$file"
}

envelope envelope_unsigned.bin
envelope envelope_ed25519.bin ed25519_test
envelope envelope_p256.bin p256_test
envelope envelope_both.bin ed25519_test p256_test

# Frames: the smallest of each kind, and one that carries the signed envelope.
frame() { # TYPE BODY-FILE
  printf 'BPAF'
  u8 1
  u8 "$1"
  u8 0
  u8 0
  u32 "$(stat -c %s "$2")"
  cat "$2"
}
frame 1 envelope_ed25519.bin >frame_execute.bin
printf '01920000-0000-7000-8000-000000000001' >"$work/body"
frame 2 "$work/body" >frame_get_report.bin
{
  u8 7
  printf 'not allowed here'
} >"$work/body"
frame 131 "$work/body" >frame_error.bin

# A staging: the command, a want of chunks 3 and 4 of the manifest whose digest is 32 times 0xab
# (Protobuf by hand: field 1 bytes, field 3 message {1: 3, 2: 2}), content, and its end.
frame 3 envelope_ed25519.bin >frame_stage.bin
{
  printf '\x0a\x20'
  for _ in {1..32}; do printf '\xab'; done
  printf '\x1a\x04\x08\x03\x10\x02'
} >"$work/body"
frame 132 "$work/body" >frame_want.bin
printf 'some bytes of a chunk' >"$work/body"
frame 4 "$work/body" >frame_content.bin
printf 'images/a.tar changed while it was read' >"$work/body"
frame 5 "$work/body" >frame_abandoned.bin

# The audit record from entry 258 on, with a nonce of 32 times n.
{
  printf '\0\0\0\0\0\0\x01\x02'
  for _ in {1..32}; do printf n; done
} >"$work/body"
frame 7 "$work/body" >frame_get_audit.bin

# A change: kind 4 (sysctl), name, aspect, before, after.
{
  u32 4
  for field in vm.max_map_count 'live value' 65530 262144; do
    u32 ${#field}
    printf '%s' "$field"
  done
} | sha256sum | cut -c1-64 >fingerprint.hex

# An audit chain: its start for node-1 of prod, an entry with some bytes, and one without.
u64() { u32 0 && u32 "$1"; }
field() { u32 ${#1} && printf '%s' "$1"; }
link() { openssl dgst -sha256 -binary >"$work/chain" && od -An -v -tx1 "$work/chain" | tr -d ' \n' && echo; }
{
  { printf 'bpa audit v1\0' && field prod && field node-1; } | link
  for n in 1 2; do
    record=
    [ $n = 1 ] && record='the first record'
    cp "$work/chain" "$work/previous"
    { cat "$work/previous" && u64 $n && field "$record"; } | link
  done
} >audit_chain.hex
