#!/bin/sh
# Starts Redis in the full stack: writes its users, whose passwords are in the environment, to a file in memory, and
# becomes the server. With the argument "users" it prints them instead.
#
# Each user has its own keys and commands, and nothing else. In parentheses stands what may be done together: these
# commands, with these keys. A script needs EVALSHA (EVAL, the first time) for its keys, and then each of its commands.
set -eu

users() {
	# How everybody looks at a stream's messages, groups and dead letters.
	look='+xinfo|stream +xinfo|groups +xinfo|consumers +xlen +xrange +xpending'
	looks="($look %R~orders:{*} %R~orders:{*}:dlq %R~stock:{*} %R~stock:{*}:dlq)"
	# What a consumer does to the stream that it reads, its janitor's work included.
	consume='+xgroup|create +xgroup|createconsumer +xgroup|delconsumer +xreadgroup +xack +xclaim +xtrim +exists'
	scripts='(+eval +evalsha ~orders:{*} ~orders:{*}:dlq ~stock:{*} ~stock:{*}:dlq)'
	# On how many partitions a stream has, all must agree: the first sets it.
	agree='(+get +set ~orders:partitions ~stock:partitions)'

	# Nobody can be the user default. But as it Redis runs its append-only file again after a restart, and would leave out what
	# scripts did.
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
