#!/usr/bin/env bash
# Writes the secrets of the Kubernetes demo, once, and says how to start it: what `make kubernetes` does.
#
# The secrets are in overlays/demo/secrets, which git ignores: a file for each Secret, with random passwords. What is there
# stays, because Postgres keeps the passwords that it was made with.
set -euo pipefail
cd "$(dirname "$0")/.."
demo=deploy/kubernetes/overlays/demo
images='clew-order:dev clew-inventory:dev clew-loadtest:dev'

random() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

write_secrets() {
	local new=$demo/secrets.new token redis_order redis_inventory redis_tools postgres_order postgres_inventory redis postgres service
	token=$(random)
	redis_order=$(random) redis_inventory=$(random) redis_tools=$(random)
	postgres_order=$(random) postgres_inventory=$(random)

	umask 077
	rm -rf "$new"
	mkdir "$new"
	for service in order inventory; do
		redis=redis_$service postgres=postgres_$service
		cat >"$new"/$service.env <<-EOT
			CLEW_TOKEN=$token
			REDIS_URL=redis://$service:${!redis}@redis:6379/0
			DATABASE_URL=postgres://$service:${!postgres}@postgres:5432/$service
		EOT
	done
	cat >"$new"/redis.env <<-EOT
		REDIS_ORDER_PASSWORD=$redis_order
		REDIS_INVENTORY_PASSWORD=$redis_inventory
		REDIS_TOOLS_PASSWORD=$redis_tools
		REDIS_HEALTH_PASSWORD=$(random)
	EOT
	cat >"$new"/postgres.env <<-EOT
		POSTGRES_PASSWORD=$(random)
		POSTGRES_ORDER_PASSWORD=$postgres_order
		POSTGRES_INVENTORY_PASSWORD=$postgres_inventory
	EOT
	echo "GF_SECURITY_ADMIN_PASSWORD=$(random)" >"$new"/grafana.env
	tr -d '\n' >"$new"/tools.env <<-EOT
		CLEW_STATUS={"mode": "compose", "partitions": 1, "token": "$token",
		 "redis": {"url": "redis://tools:$redis_tools@redis:6379/0"},
		 "addresses": {"order": "http://order-api:8080", "inventory": "http://inventory-api:8081", "viewer": "http://127.0.0.1:3000",
		 "traces": "http://tempo:3200", "metrics": "http://prometheus:9090", "otlp_grpc": "http://collector:4317", "otlp_http": "http://collector:4318"}, "processes": []}
	EOT
	mv "$new" $demo/secrets # all of them, or none
}

[ -d $demo/secrets ] || write_secrets

cat <<EOT
This starts Clew in the namespace clew of the cluster that kubectl uses: order, inventory, Redis, Postgres, the OpenTelemetry
Collector, Tempo, Loki, Prometheus and Grafana, a pod each. They need 3 GiB of memory, and volumes for Redis and Postgres. The
passwords are in $demo/secrets.

  kind      make images && kind load docker-image $images && kubectl apply -k $demo
  minikube  make images && minikube image load $images && kubectl apply -k $demo
  another   docs/kubernetes.md says how its nodes get the images

  wait      kubectl -n clew wait --for=condition=available deployment --all --timeout=10m
  look      kubectl -n clew port-forward service/grafana 3000       http://127.0.0.1:3000
  order     kubectl -n clew port-forward service/order-api 8080     http://127.0.0.1:8080/docs
  load      kubectl replace --force -k deploy/kubernetes/loadtest
  report    kubectl -n clew logs -f job/loadtest
  end       kubectl delete namespace clew
EOT
