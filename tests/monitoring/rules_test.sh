#!/usr/bin/env bash
# packaging/monitoring: the rules pass their own tests, the files are what they claim to be, and no
# alert or panel waits for a metric that the gateway does not have.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

promtool check config packaging/monitoring/prometheus.yml
promtool test rules packaging/monitoring/alerts_test.yml
python3 -m json.tool packaging/monitoring/dashboard.json /dev/null

exported=$(grep -rhoE '"bpa_[a-z_]+"' agent/gateway/*.cc | tr -d '"' | sort -u)
[[ $(wc -l <<<"$exported") -gt 20 ]] || {
  echo "the gateway's metrics are not where this test looks for them"
  exit 1
}
used=$(grep -rhoE '\bbpa_[a-z_]+' packaging/monitoring/*.{yml,json} | sort -u)
unknown=$(comm -13 <(printf '%s\n' "$exported") <(printf '%s\n' "$used"))
[[ -z $unknown ]] || {
  printf 'packaging/monitoring uses metrics that do not exist:\n%s\n' "$unknown"
  exit 1
}
# Each alert has a test of its own.
while read -r alert; do
  grep -q "$alert" packaging/monitoring/alerts_test.yml || {
    echo "packaging/monitoring/alerts_test.yml does not test $alert"
    exit 1
  }
done < <(sed -n 's/^ *- alert: //p' packaging/monitoring/alerts.yml)
