#!/usr/bin/env bash
# Runs Clew in containers: what make does where a Docker engine answers.
#
#   compose.sh mode [up]    prints how Clew runs here, compose or standalone; for up it says why
#   compose.sh up           checks the machine, makes the secrets, builds, starts, and waits until all is ready
#   compose.sh down         stops; the data stays, unless VOLUMES=1
#   compose.sh status|logs [NAME]
#   compose.sh images       builds our own images
#   compose.sh clew ARG…    runs the command clew in a container
#   compose.sh loadtest ARG…
#                           the same of loadtest, which writes reports to this folder
#
# It reports each problem in one line, before anything starts. It runs with the bash 3.2 of macOS.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=${CLEW_DIR:-.clew}
status_file=$dir/status.json
log=$dir/compose.log
export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-clew}

fail() {
	printf '%s\n' "$@" >&2
	exit 1
}

# value NAME DEFAULT prints the value that Compose will use: the environment's, else that of .env, else the default.
value() {
	local set=${!1:-}
	if [ -z "$set" ] && [ -f .env ]; then
		set=$(sed -n "s/^$1=//p" .env | tail -n 1)
	fi
	printf '%s' "${set:-${2:-}}"
}

# --- which mode

recorded_mode() { sed -n 's/^ *"mode": *"\([a-z]*\)".*/\1/p' "$status_file" 2>/dev/null || true; }

standalone_runs() {
	[ "$(recorded_mode)" = standalone ] && [ -x bin/clew ] && bin/clew status --json >/dev/null 2>&1
}

# engine prints the engine's version and memory, or fails if none answers within 5 s.
engine() {
	local pid timer said=0
	command -v docker >/dev/null || return 1
	docker info --format '{{.ServerVersion}} {{.MemTotal}}' 2>/dev/null &
	pid=$!
	(sleep 5 && kill "$pid") >/dev/null 2>&1 &
	timer=$!
	wait "$pid" 2>/dev/null || said=$?
	kill "$timer" 2>/dev/null || true
	return "$said"
}

mode() {
	local mode=${MODE:-} why="MODE=${MODE:-}"
	case $mode in
	compose | standalone) ;;
	'')
		if standalone_runs; then
			mode=standalone why='that is how it runs here already'
		elif [ "$(recorded_mode)" = compose ]; then
			mode=compose why='that is how it was started here'
		elif engine >/dev/null; then
			mode=compose why='a Docker engine answers. MODE=standalone does without'
		else
			mode=standalone why='no Docker engine answers'
		fi
		;;
	*) fail "MODE is \"$mode\", expected compose or standalone" ;;
	esac
	if [ "$mode" = standalone ] && [ "$(recorded_mode)" = compose ]; then
		fail "Clew was started in containers here: stop them first, with \`make down\` without MODE"
	fi
	case ${1:-}-$mode in
	up-compose) echo "Clew runs in containers: $why." >&2 ;;
	up-standalone) echo "Clew runs without Docker: $why." >&2 ;;
	esac
	echo "$mode"
}

# --- checks before anything starts

need_engine() {
	machine=$(engine) && return
	if [ "$(recorded_mode)" = compose ]; then
		fail "Clew was started in containers here, and no Docker engine answers now: start Docker, or delete $status_file to run without"
	fi
	fail 'No Docker engine answers: start Docker, or run without it, with MODE=standalone'
}

need_compose() {
	local version major minor
	version=$(docker compose version --short 2>/dev/null) ||
		fail 'Docker has no Compose v2: install its plugin (https://docs.docker.com/compose/install/), or run with MODE=standalone'
	major=${version#v} minor=${version#*.}
	major=${major%%.*} minor=${minor%%.*}
	if ((major < 2 || (major == 2 && minor < 23))); then
		fail "Docker Compose is $version, expected 2.23 or newer: update it, or run with MODE=standalone"
	fi
}

need_memory() {
	local bytes=${machine##* }
	((bytes >= 3 * 1024 ** 3)) ||
		fail "The Docker engine has $((bytes / 1024 ** 2)) MiB of memory, expected 3 GiB: give it more, or run with MODE=standalone"
}

# published lists the ports on the host: a variable and its default each.
published() { sed -n 's/.*127\.0\.0\.1:\${\([A-Z_]*\):-\([0-9-]*\)}:.*/\1 \2/p' docker-compose.yml; }

# host_ports prints the ports that our own containers have taken, of one service or of all.
host_ports() {
	local ids
	ids=$(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
		${1:+--filter "label=com.docker.compose.service=$1"})
	# shellcheck disable=SC2086 # several containers
	[ -z "$ids" ] || docker inspect --format '{{range .NetworkSettings.Ports}}{{range .}}{{.HostPort}} {{end}}{{end}}' $ids | tr -d '\n'
}

taken() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

need_ports() {
	local variable default range port ours free problems=()
	ours=" $(host_ports) "
	while read -r variable default; do
		range=$(value "$variable" "$default")
		if ! [[ $range =~ ^[0-9]+(-[0-9]+)?$ ]]; then
			problems+=("$variable is \"$range\", expected a port such as $default")
			continue
		fi
		free=
		for ((port = ${range%-*}; port <= ${range#*-}; port++)); do
			if [[ $ours == *" $port "* ]] || ! taken "$port"; then
				free=$port
				break
			fi
		done
		[ -n "$free" ] || problems+=("Port $range is taken: stop what listens there, or choose another with $variable")
	done < <(published)
	[ ${#problems[@]} -eq 0 ] || fail "${problems[@]}"
}

# The containers' users do not own these files.
need_readable() {
	local file folders='deploy/redis deploy/postgres observability grafana'
	# shellcheck disable=SC2086 # several folders
	file=$(find $folders ! -perm -004 2>/dev/null | head -n 1 || true)
	[ -z "$file" ] || fail "$file is not readable for the containers' users: chmod -R o+rX $folders"
}

# --- secrets

secrets() { grep -o '\${[A-Z_]*:?' docker-compose.yml | tr -d '${:?' | sort -u; }

# need_secrets makes missing secrets, once: the databases keep the ones that they were made with.
need_secrets() {
	local secret missing=()
	for secret in $(secrets); do
		[ -n "$(value "$secret")" ] || missing+=("$secret")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [[ ${missing[*]} == *POSTGRES_* ]] && docker volume inspect "${COMPOSE_PROJECT_NAME}_postgres" >/dev/null 2>&1; then
		fail "A password of the databases is missing from .env (${missing[*]}): restore it, or delete all data with \`make down VOLUMES=1\`"
	fi
	touch .env
	chmod 600 .env
	[ -z "$(tail -c 1 .env)" ] || echo >>.env
	for secret in "${missing[@]}"; do
		echo "$secret=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')" >>.env
	done
	echo "Secrets are in .env, which git ignores."
}

# To look at containers or stop them, any value will do.
any_secrets() {
	local secret
	for secret in $(secrets); do
		[ -n "$(value "$secret")" ] || export "$secret=none"
	done
}

# --- starting

# step TEXT COMMAND… runs a command of Compose. Its output goes to the log, and headlines also to the terminal, each once.
step() {
	local problem
	echo "$1"
	shift
	mkdir -p -m 700 "$dir"
	if docker compose --progress plain "$@" 2>&1 | tee "$log" |
		awk '/^#[0-9]+ \[.* go mod download/ { say("  " substr($2, 2) ": downloading modules") }
			/^#[0-9]+ \[.* go build/ { say("  " substr($2, 2) ": compiling") }
			/ (Pulled|Built|Healthy) *$/ { gsub(/^ *| *$/, ""); say("  " substr($0, 1, 77)) }
			function say(line) { if (!seen[line]++) { print line; fflush() } }'; then
		return
	fi
	problem=$(grep -Ei 'error|failed|denied|refused|no such host|timeout' "$log" | tail -n 1 || true)
	problem=$(printf '%.300s' "${problem:-$(tail -n 1 "$log")}")
	case $1:$problem in
	up:*'already allocated'* | up:*'address already in use'*)
		fail "A port is taken: stop what listens there, or choose another (docs/configuration.md names the variables): $problem"
		;;
	up:*)
		not_ready
		;;
	*'no such host'* | *timeout* | *'deadline exceeded'* | *'connection refused'* | *unreachable* | *'failed to do request'* | \
		*'failed to resolve'* | *toomanyrequests* | *'pull access denied'* | *certificate* | *'server misbehaving'*)
		not_fetched "$problem"
		;;
	esac
	fail "Docker Compose failed, $log has all of it: $problem"
}

# not_fetched PROBLEM names the missing images in one line. Unless MODE is set or Clew was started in containers, it then runs
# without Docker.
not_fetched() {
	local image missing=() said
	while read -r image; do
		missing+=("$image")
	done < <(missing_images "$1")
	said="Could not fetch ${missing[0]:-what our images are built from}"
	[ ${#missing[@]} -le 1 ] || said="$said and $((${#missing[@]} - 1)) more"
	if [ -n "${MODE:-}" ] || [ "$(recorded_mode)" = compose ]; then
		fail "$said: check the engine's network and proxy${missing[0]:+ with \`docker pull ${missing[0]}\`}, then try again. It said: $1"
	fi
	echo "$said: going on without Docker. MODE=compose insists on it." >&2
	exec make --no-print-directory up MODE=standalone
}

# missing_images PROBLEM lists the images that are not here, and the one that a build asked for.
missing_images() {
	local image
	docker compose config --images 2>/dev/null | sort -u | while read -r image; do
		[[ $image == clew-*:dev ]] || docker image inspect "$image" >/dev/null 2>&1 || echo "$image"
	done
	sed -n 's|.*"https://\([^"]*\)/v2/\([^"]*\)/manifests/\([^"]*\)".*|\1/\2:\3|p' <<<"$1" | sed 's|^registry[^/]*docker.io/||; s|^library/||'
}

# not_ready names the containers that are not ready, with their last output.
not_ready() {
	local service state health found=
	while read -r service state health; do
		if [ "$state" = running ] && [[ ${health:-healthy} == healthy ]]; then
			continue
		fi
		found=yes
		echo "$service is not ready (${health:-$state}). The last it said:" >&2
		docker compose logs --no-log-prefix --tail 5 "$service" 2>&1 | sed 's/^/  /' >&2
	done < <(docker compose ps --all --format '{{.Service}} {{.State}} {{.Health}}')
	[ -z "$found" ] || fail 'The others run on: `make logs` shows more, `make up` tries again, `make down` stops them'
}

# answers NAME URL [TEXT] waits for a server whose image has no shell to check itself, by asking from Prometheus's container. The
# answer must contain the text.
answers() {
	local said tries=0
	until said=$(docker compose exec -T prometheus wget -q -T 2 -O - "$2" 2>/dev/null) && [[ $said == *"${3:-}"* ]]; do
		((++tries <= 90)) || fail "$1 does not get ready. The last it said:" \
			"$(docker compose logs --no-log-prefix --tail 5 "$1" 2>&1 | sed 's/^/  /')"
		sleep 1
	done
}

url() { echo "http://127.0.0.1:$(value "$1" "$2")"; }

record() {
	local inventory
	inventory=$(host_ports inventory)
	(
		umask 077
		cat >"$status_file.new" <<-EOT
			{
			  "mode": "compose",
			  "partitions": $(value CLEW_PARTITIONS 1),
			  "token": "$(value CLEW_TOKEN)",
			  "redis": {"url": "redis://tools:$(value REDIS_TOOLS_PASSWORD)@127.0.0.1:$(value REDIS_PORT 6379)/0"},
			  "addresses": {
			    "order": "$(url ORDER_PORT 8080)",
			    "inventory": "http://127.0.0.1:${inventory%% *}",
			    "viewer": "$(url GRAFANA_PORT 3000)",
			    "traces": "$(url TEMPO_PORT 3200)",
			    "metrics": "$(url PROMETHEUS_PORT 9091)",
			    "otlp_grpc": "$(url OTLP_GRPC_PORT 4317)",
			    "otlp_http": "$(url OTLP_HTTP_PORT 4318)"
			  },
			  "processes": []
			}
		EOT
	)
	mv "$status_file.new" "$status_file"
}

addresses() {
	local inventory # of each replica
	inventory=$(host_ports inventory)
	inventory=${inventory% }
	cat <<-EOT

		  Grafana        $(url GRAFANA_PORT 3000)  look here first: the overview
		  order API      $(url ORDER_PORT 8080)  its page is /docs
		  inventory API  http://127.0.0.1:${inventory// / :}
		  Prometheus     $(url PROMETHEUS_PORT 9091)  /alerts is what fires
		  Tempo          $(url TEMPO_PORT 3200)  traces, for programs
		  OTLP           $(url OTLP_HTTP_PORT 4318)  and over gRPC :$(value OTLP_GRPC_PORT 4317)
		  Redis          127.0.0.1:$(value REDIS_PORT 6379)  user tools, password in .env

		  make order     places an order and prints its trace
		  make status    shows the containers
		  make down      stops everything; with VOLUMES=1 the data goes, too

	EOT
}

up() {
	need_engine
	need_compose
	need_memory
	! standalone_runs || fail 'Clew runs here without Docker: stop it with `make down MODE=standalone`, then start again'
	need_ports
	need_readable
	need_secrets
	step 'Fetching images. The first time this takes some minutes.' pull --ignore-buildable --policy missing
	step 'Building our own. The first time this takes some minutes.' --profile tools build
	step 'Starting, and waiting until all is ready.' up --detach --wait --wait-timeout 300 --no-build
	answers tempo http://tempo:3200/ready
	answers loki http://loki:3100/ready
	answers collector http://collector:13133/
	answers order http://order:9080/readyz '"status":"ok"' # not degraded: it reaches Redis
	answers inventory http://inventory:9081/readyz '"status":"ok"'
	record
	printf '\nClew is ready.\n'
	addresses
}

down() {
	need_engine
	need_compose
	any_secrets
	if [ "${VOLUMES:-}" = 1 ]; then
		set -- --volumes
	fi
	docker compose --profile tools down --remove-orphans "$@"
	[ "$(recorded_mode)" != compose ] || rm -f "$status_file"
}

# need_running fails if Clew does not run here.
need_running() {
	need_engine
	need_compose
	any_secrets
	if [ -z "$(docker compose ps --quiet)" ]; then
		echo 'Clew is not running here: start it with `make up`' >&2
		exit 3
	fi
}

# tool runs a command in a container of its own. Without a terminal, Compose would pass an interrupt on twice, and the second
# ends our programs at once: so it gets none here, and the container gets it once.
tool() {
	local pid code name=$COMPOSE_PROJECT_NAME-tool-$$
	set -- ${COLUMNS:+-e "COLUMNS=$COLUMNS"} ${NO_COLOR:+-e "NO_COLOR=$NO_COLOR"} "$@"
	if [ -t 0 ] && [ -t 1 ]; then
		exec docker compose --progress quiet run --rm --no-deps "$@"
	fi
	set -m # a process group of its own
	docker compose --progress quiet run --rm --no-deps -T --name "$name" "$@" </dev/null &
	pid=$!
	trap 'docker kill --signal INT "$name" >/dev/null 2>&1 || true' INT TERM
	while code=0 && { wait "$pid" || code=$?; } && kill -0 "$pid" 2>/dev/null; do :; done # a trap ends a wait, too
	exit "$code"
}

command=${1:-}
shift || true
case $command in
mode) mode "$@" ;;
up) up ;;
down) down ;;
status)
	need_running
	docker compose ps --all --format 'table {{.Name}}\t{{.Status}}'
	addresses
	;;
logs)
	need_running
	docker compose logs --tail 100 ${1:+"${1%-[0-9]*}"}
	;;
images)
	need_engine
	need_compose
	any_secrets
	step 'Building. The first time this takes some minutes.' --profile tools build
	;;
clew)
	need_running
	tool clew "$@"
	;;
loadtest)
	need_running
	# Prometheus finds it by the name of its service; reports are written to this folder.
	tool --use-aliases --user "$(id -u):$(id -g)" --volume "$PWD:$PWD" --workdir "$PWD" loadtest "$@"
	;;
*) fail "compose.sh: \"$command\" is none of mode, up, down, status, logs, images, clew, loadtest" ;;
esac
