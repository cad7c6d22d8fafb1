#!/bin/sh
# Installs those of redis-server, postgres, pgbouncer, chromium, python3, dockerd, debootstrap, containerd,
# containernetworking-plugins, nft and ip, as named, that are missing, if this may be done without asking: as root with apt-get, or
# with Homebrew. It says so first. Otherwise it names the one command to run and exits with 1.
set -eu

# find succeeds if the program is in the PATH or, as Postgres and browsers often are, where packages leave it.
find() {
	case $1 in
	postgres) command -v initdb || ls /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql@*/bin/initdb \
		/usr/local/opt/postgresql@*/bin/initdb ;;
	pgbouncer) command -v pgbouncer || ls /usr/sbin/pgbouncer ;;
	chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ||
		ls "/Applications/Google Chrome.app" "/Applications/Chromium.app" ;;
	containernetworking-plugins) ls /usr/lib/cni/ptp ;;
	*) command -v "$1" ;;
	esac 2>/dev/null | grep -q .
}

# package is what it is called in a package manager.
package() {
	case $1-$2 in
	apt-postgres) echo postgresql ;;
	apt-dockerd) echo docker.io ;;
	apt-nft) echo nftables ;;
	apt-ip) echo iproute2 ;;
	brew-postgres) echo postgresql@18 ;;
	brew-redis-server) echo redis ;;
	brew-chromium) echo google-chrome ;;
	*) echo "$2" ;;
	esac
}

missing=
for server in "$@"; do
	find "$server" || missing="$missing $server"
done
missing=${missing# }
if [ -z "$missing" ]; then
	exit 0
fi

manager=none
for candidate in apt-get brew; do
	if command -v "$candidate" >/dev/null 2>&1; then
		manager=${candidate%-get}
		break
	fi
done
packages=
for server in $missing; do
	packages="$packages $(package "$manager" "$server")"
done

apt_install() {
	# shellcheck disable=SC2086 # several packages
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=120 --no-install-recommends $packages
}

case $manager in
apt)
	if [ "$(id -u)" -ne 0 ]; then
		echo "Missing: $missing. Install it, then start again: sudo apt-get install$packages" >&2
		exit 1
	fi
	echo "Missing: $missing. Installing$packages with apt-get."
	# The package lists of a fresh machine are empty or old.
	if ! apt_install >/dev/null 2>&1; then
		apt-get update -qq
		apt_install >/dev/null
	fi
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		echo "The packages may start servers of their own, on ports 6379, 5432 and 6432. Clew does not use them: service NAME stop"
	fi
	;;
brew)
	echo "Missing: $missing. Installing$packages with Homebrew."
	# shellcheck disable=SC2086 # several packages
	brew install --quiet $packages
	;;
*)
	echo "Missing: $missing. Clew needs Redis 7.0 or newer, its tests also PostgreSQL 15 or newer, PgBouncer, Chromium and Python 3.9 or newer. Install them with your system's package manager, then start again." >&2
	exit 1
	;;
esac

for server in $missing; do
	if ! find "$server"; then
		echo "$server was installed but is not found: add its folder to PATH, then start again." >&2
		exit 1
	fi
done
