#!/bin/sh
# Starts Postgres as its image does: an empty volume gets a database, made by the scripts in /docker-entrypoint-initdb.d.
set -eu
export PGDATA=/var/lib/postgresql/data
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	new=$PGDATA.new
	rm -rf "$new"
	echo "$POSTGRES_PASSWORD" >/tmp/password
	initdb --pgdata="$new" --username=postgres --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust
	rm /tmp/password
	echo 'host all all all scram-sha-256' >>"$new/pg_hba.conf"
	pg_ctl --pgdata="$new" --options="-c listen_addresses= -k /run/postgresql" --wait start
	for script in /docker-entrypoint-initdb.d/*.sql; do
		psql -v ON_ERROR_STOP=1 --no-psqlrc --host=/run/postgresql --username=postgres --file="$script"
	done
	pg_ctl --pgdata="$new" --mode=fast --wait stop
	mv "$new" "$PGDATA"
fi
exec "$@" -c listen_addresses='*' -k /run/postgresql
