#!/usr/bin/env bash
# What `bpactl user-data` prints, run for real as root, with an /etc of its own and with stand-ins
# for the programs that would change the rest of this machine.
# usage: user_data_test.sh BPACTL BPA_EXECUTOR
set -euo pipefail

if [[ ${BPA_IN_NAMESPACE:-} != yes ]]; then
  exec env BPA_IN_NAMESPACE=yes unshare --mount --propagation private "$0" "$@"
fi

bpactl=$1
executor=$2
dir=$(mktemp -d)
trap 'umount /etc; rm -rf "$dir"' EXIT
home=$dir/home
etc=/etc/bpa-agent
failed=0

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  failed=1
}

mkdir -p "$dir/etc" "$dir/bin"
cp /etc/passwd /etc/group /etc/nsswitch.conf "$dir/etc/"
sed -i '/^bpa-agent:/d' "$dir/etc/passwd" "$dir/etc/group"
echo 'bpa-agent:x:64001:64001::/nonexistent:/usr/sbin/nologin' >>"$dir/etc/passwd"
echo 'bpa-agent:x:64001:' >>"$dir/etc/group"
mount --bind "$dir/etc" /etc

# Each notes how it was called.
stand_in() {
  printf '#!/bin/bash\nprintf "%%s\\n" "%s $*" >>%q\n%s\n' "$1" "$dir/calls" "${2:-}" >"$dir/bin/$1"
  chmod 0755 "$dir/bin/$1"
}
# shellcheck disable=SC2016  # they expand what they are given
fetches='while [[ $# -gt 1 ]]; do [[ $1 == -o ]] && out=$2; shift; done; cp '"$dir"'/served "${out:-$1}"'
stand_in systemctl
stand_in apt-get
stand_in dnf
stand_in rpm 'case $* in *-q*) exit 1 ;; esac'
stand_in curl "$fetches"
stand_in aws "$fetches"
stand_in bpa-gateway
export PATH=$dir/bin:$PATH

export BPA_HOME=$home
"$bpactl" init --cluster bpa-test node-1=10.0.1.11,volume=vol-01234567 >/dev/null
printf 'a package\n' >"$dir/served"
sum=$(sha256sum <"$dir/served")
sum=${sum%% *}

# run [ARGUMENT...]: makes the script and runs it; its output is in $said.
run() {
  : >"$dir/calls"
  "$bpactl" user-data node-1 --script "$@" >"$dir/script" || fail "bpactl user-data $*"
  status=0
  said=$(env -i PATH="$PATH" bash "$dir/script" 2>&1) || status=$?
}
# expect STATUS TEXT: of the last run.
expect() {
  [[ $status -eq $1 && $said == *"$2"* ]] || fail "expected $1 and '$2', got $status: $said"
}
called() { grep -qE -- "$1" "$dir/calls" || fail "not called: $1; but: $(cat "$dir/calls")"; }
not_called() { ! grep -qE -- "$1" "$dir/calls" || fail "called: $1"; }
file_is() {
  local is
  is=$(stat -c '%a %U:%G' "$1" 2>&1) || true
  [[ $is == "$2" ]] || fail "$1 is $is, not $2"
}

# Another file than was meant: nothing at all is done.
printf 'something else\n' >"$dir/package.deb"
run --package "$dir/package.deb" --package-sha256 "$sum"
expect 1 "NOT INSTALLED: $dir/package.deb has SHA-256"
not_called 'apt-get|systemctl'
[[ ! -e $etc ]] || fail "$etc was made"

cp "$dir/served" "$dir/package.deb"
run --package "$dir/package.deb" --package-file "$dir/served"
expect 0 'installed; on the bastion: bpactl enroll node-1'
called 'apt-get install -y .*bpa-agent\.deb'
called 'systemctl --no-block start bpa-agent-keys.service bpa-executor.socket'
called 'systemctl --no-block restart bpa-gateway.service'
not_called 'enable --now'
file_is $etc/agent.yaml '644 root:root'
file_is $etc/join.secret '600 root:root'
file_is $etc/tls '750 root:bpa-agent'
file_is $etc/tls/ca.pem '644 root:root'
file_is $etc/trusted-signers.d/bastion.pem '644 root:root'
cmp -s $etc/join.secret "$home/nodes/node-1/join.secret" || fail 'another secret'
cmp -s $etc/tls/ca.pem "$home/ca.pem" || fail 'another authority'
[[ -z $(find $etc -name '.new*') ]] || fail 'something is left over'
[[ -z $(find /var/tmp -maxdepth 1 -name 'bpa-agent.*') ]] || fail 'the package is left over'
"$executor" --make-keys >/dev/null || fail 'no keys'
"$executor" --check-config >/dev/null || fail 'the executor does not take its configuration'
file_is $etc/tls/node.key '640 root:bpa-agent'
file_is $etc/report.key '600 root:root'

# Twice is as good as once.
before=$(find $etc -type f -exec sha256sum {} + | sort)
run --package "$dir/package.deb" --package-sha256 "$sum"
expect 0 installed
[[ $(find $etc -type f -exec sha256sum {} + | sort) == "$before" ]] || fail 'the second run differs'

# From elsewhere, and in the other form.
run --package "https://example.com/a/bpa-agent.rpm?X-Amz-Signature=a.b" --package-sha256 "$sum"
expect 0 installed
called 'curl .*https://example.com/a/bpa-agent.rpm'
called 'dnf install -y .*bpa-agent\.rpm'
stand_in dnf 'exit 1'
run --package s3://bucket/bpa-agent.rpm --package-sha256 "$sum"
expect 0 installed
called 'aws s3 cp .*s3://bucket/bpa-agent.rpm'
called 'rpm -U .*bpa-agent\.rpm'
stand_in curl 'exit 22'
run --package https://example.com/bpa-agent.deb --package-sha256 "$sum"
expect 1 'NOT INSTALLED: https://example.com/bpa-agent.deb cannot be fetched'

# Enrolled: the certificate stays, and the used secret does not come back.
rm $etc/join.secret
echo certificate >$etc/tls/node.pem
run
expect 0 installed
[[ -e $etc/tls/node.pem && ! -e $etc/join.secret ]] || fail 'an enrolled node was disturbed'

# Again, once.
echo certificate >"$home/nodes/node-1/node.pem"
rm "$home/nodes/node-1/join.secret"
if "$bpactl" user-data node-1 >/dev/null 2>"$dir/refusal"; then fail 'a used secret was made anew'; fi
grep -q -- '--rejoin' "$dir/refusal" || fail "$(cat "$dir/refusal")"
run --rejoin
expect 0 installed
[[ ! -e $etc/tls/node.pem ]] || fail 'the old certificate is there still'
cmp -s $etc/join.secret "$home/nodes/node-1/join.secret" || fail 'not the new secret'
rm $etc/join.secret
echo certificate >$etc/tls/node.pem
run --rejoin
expect 0 installed
[[ -e $etc/tls/node.pem ]] || fail 'enrolled twice by one secret'

# As cloud-init takes it apart: with Python's email package.
cat >"$dir/node-config.yaml" <<'YAML'
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
YAML
"$bpactl" user-data node-1 --rejoin --node-config "$dir/node-config.yaml" --out "$dir/user-data"
file_is "$dir/user-data" '600 root:root'
"$bpactl" user-data node-1 --rejoin --script >"$dir/script"
python3 - "$dir" <<'PYTHON' || fail 'the parts are not as cloud-init wants them'
import email, sys
directory = sys.argv[1]
message = email.message_from_file(open(directory + "/user-data"))
parts = {part.get_content_type(): part.get_payload() for part in message.walk()
         if not part.is_multipart()}
assert not message.defects, message.defects
assert set(parts) == {"application/node.eks.aws", "text/x-shellscript"}, parts.keys()
assert parts["text/x-shellscript"].strip() == open(directory + "/script").read().strip()
assert parts["application/node.eks.aws"].strip() == open(directory + "/node-config.yaml").read().strip()
PYTHON
[[ $(stat -c %s "$dir/user-data") -le 16384 ]] || fail 'larger than EC2 takes'
shellcheck "$dir/script" || fail 'shellcheck'

exit "$failed"
