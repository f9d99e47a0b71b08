#!/bin/bash -e
#
# Provision an instance: a Java runtime and Leiningen. Works on Ubuntu 22.04, 24.04 and Debian 12.
#
# As UserData it is preceded by the assignments of CFN_STACK, CFN_REGION and CFN_RESOURCE, and tells
# that stack how it ended. Run by itself (to build an image, or again on the same machine) it has no
# stack to tell and only provisions; what is in place already stays as it is.

set -Eeuo pipefail

readonly stack=${CFN_STACK:-} region=${CFN_REGION:-} resource=${CFN_RESOURCE:-}
readonly helpers=/opt/aws
readonly helpers_url=https://s3.amazonaws.com/cloudformation-examples/aws-cfn-bootstrap-py3-latest.tar.gz
readonly signalled=/run/cfn-signalled # a second run has nothing new to tell; no image contains /run

# Any error ends here. Until the helper scripts are installed it reaches the stack as a timeout of
# its CreationPolicy, from then on as a FAILURE signal, at once.
failure='ended before its last step'
finish() {
    local status=$?
    [[ -n $failure ]] || exit 0
    echo "provision.sh: $failure (exit status $status)" >&2
    if [[ -n $stack && -x $helpers/bin/cfn-signal ]]; then
        "$helpers/bin/cfn-signal" --success false --reason "provision.sh: $failure" \
            --stack "$stack" --resource "$resource" --region "$region" || true
    fi
    exit "$((status ? status : 1))"
}
trap 'failure="line $LINENO: $BASH_COMMAND"' ERR
trap finish EXIT

# The trace goes to cloud-init's output: the time in seconds and the line before every command, so
# that it shows what ran, for how long, and what ran last.
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
PS4='+ ${EPOCHREALTIME} line ${LINENO}: '
set -x

apt_options=(--quiet --option Acquire::Retries=3 --option DPkg::Lock::Timeout=120
    --option Dpkg::Use-Pty=0)

installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status},' "$@" 2>&1) =~ ^(installed,)+$ ]]
}

# Where everything is in place, as in an image that this script has built, no mirror is asked.
if [[ ! -x $helpers/bin/cfn-signal ]] || ! installed default-jre-headless leiningen; then
    # apt does not wait for the lock of its lists, which on first boot somebody else may hold.
    tries=5
    until apt-get update "${apt_options[@]}" --option APT::Update::Error-Mode=any; do
        ((tries -= 1)) # an error when none is left
        sleep 3
    done

    if [[ ! -x $helpers/bin/cfn-signal ]]; then
        apt-get install --yes --no-install-recommends "${apt_options[@]}" \
            ca-certificates curl python3-venv
        python3 -m venv "$helpers"
        curl --fail --silent --show-error --location --retry 5 --connect-timeout 10 \
            --output "$helpers/aws-cfn-bootstrap.tar.gz" "$helpers_url"
        "$helpers/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
            "$helpers/aws-cfn-bootstrap.tar.gz"
        ln --symbolic --force "$helpers"/bin/cfn-* /usr/local/bin/
    fi

    apt-get install --yes --no-install-recommends "${apt_options[@]}" \
        default-jre-headless leiningen
fi

failure=
if [[ -n $stack && ! -e $signalled ]]; then
    touch "$signalled"
    "$helpers/bin/cfn-signal" --success true \
        --stack "$stack" --resource "$resource" --region "$region"
fi
