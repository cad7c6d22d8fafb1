#!/bin/sh
# Starts Redis in the full stack: writes the users, whose passwords are in the environment, to a file in memory, and then runs
# the server. With the argument "users" it prints them instead.
#
# Each user may use its own commands with its own keys only. Parentheses are selectors: these commands with these keys. A
# script needs EVALSHA (EVAL, the first time) on its keys, and each of its commands.
set -eu

users() {
	# To look at a stream's messages, groups and dead letters: for all.
	look='+xinfo|stream +xinfo|groups +xinfo|consumers +xlen +xrange +xpending'
	looks="($look %R~orders:{*} %R~orders:{*}:dlq %R~stock:{*} %R~stock:{*}:dlq)"
	# For a consumer on the stream that it reads, and for its janitor.
	consume='+xgroup|create +xgroup|createconsumer +xgroup|delconsumer +xreadgroup +xack +xclaim +xtrim +exists'
	scripts='(+eval +evalsha ~orders:{*} ~orders:{*}:dlq ~stock:{*} ~stock:{*}:dlq)'
	# The number of partitions of a stream: the first to need it sets it.
	agree='(+get +set ~orders:partitions ~stock:partitions)'

	# Nobody can log in as the user default. But Redis replays its append-only file as this user after a restart, and without
	# permissions would leave out the effects of scripts.
	cat <<-EOT
		user default off ~* &* +@all
		user health on >$REDIS_HEALTH_PASSWORD +ping
		user order on >$REDIS_ORDER_PASSWORD +ping +time $looks $scripts $agree (+xadd ~orders:{*}) ($look $consume ~stock:{*}) (+xadd ~stock:{*}:dlq)
		user inventory on >$REDIS_INVENTORY_PASSWORD +ping +time $looks $scripts $agree (+xadd ~stock:{*}) ($look $consume ~orders:{*}) (+xadd ~orders:{*}:dlq) (+hget ~clew:test)
		user tools on >$REDIS_TOOLS_PASSWORD +ping +time +acl|log $scripts $agree ($look $consume +xread +xadd +xdel +xgroup|destroy ~orders:{*} ~orders:{*}:dlq ~stock:{*} ~stock:{*}:dlq) (+hget +hset +hdel ~clew:test)
	EOT
}

if [ "${1:-}" = users ]; then
	users
	exit
fi
umask 077
users >/run/redis/users.acl
exec redis-server /etc/redis/redis.conf
