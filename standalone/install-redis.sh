#!/bin/sh
# Installs redis-server if it is missing and this may be done without asking:
# as root with apt-get, or with Homebrew. It says so first. Otherwise it names
# the one command to run and exits with 1.
set -eu

if command -v redis-server >/dev/null 2>&1; then
	exit 0
fi

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends redis-server
}

if command -v apt-get >/dev/null 2>&1; then
	if [ "$(id -u)" -ne 0 ]; then
		echo "redis-server is missing. Install it, then start again: sudo apt-get install redis-server" >&2
		exit 1
	fi
	echo "redis-server is missing: installing it with apt-get."
	# The package lists of a fresh machine are empty or old.
	if ! apt_install >/dev/null 2>&1; then
		apt-get update -qq
		apt_install >/dev/null
	fi
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		echo "The package may start a Redis of its own on port 6379. Clew does not use it: service redis-server stop"
	fi
elif command -v brew >/dev/null 2>&1; then
	echo "redis-server is missing: installing it with Homebrew."
	brew install --quiet redis
else
	echo "redis-server is missing, and Clew needs 7.0 or newer. Install the package redis or redis-server of your system, then start again." >&2
	exit 1
fi

if ! command -v redis-server >/dev/null 2>&1; then
	echo "redis-server was installed but is not on the PATH: add its folder to PATH, then start again." >&2
	exit 1
fi
