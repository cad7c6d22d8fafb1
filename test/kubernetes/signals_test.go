//go:build kubernetes

package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestSignals measures what docs/scaling.md compares: the same load as in "scaled by waiting", with other signals to scale by.
// `make test-kubernetes ARGS="-run TestSignals"` takes 40 minutes.
func TestSignals(t *testing.T) {
	up(t, here)
	const group = `{messaging_destination_name="orders",messaging_consumer_group_name="inventory"}`
	query := func(series string) string {
		return fmt.Sprintf(`{"type": "prometheus", "metricType": "Value", "metadata": {"serverAddress": "http://prometheus.clew.svc:9090",
			"query": %q, "threshold": "2", "ignoreNullValues": "false"}}`, series+group)
	}
	for _, signal := range []struct{ name, trigger string }{
		{"the rule", query("stream_group:messaging_scaling_seconds:max")},
		{"waiting alone", query("stream_group:messaging_waiting_seconds:max")},
		{"lag in seconds", query("stream_group_partition:messaging_stream_lag_seconds:max")},
		{"oldest pending", query("stream_group_partition:messaging_stream_oldest_pending_seconds:max")},
		{"redis-streams", `{"type": "redis-streams", "metadata": {"address": "redis.clew.svc:6379", "stream": "orders:{0}",
			"consumerGroup": "inventory", "lagCount": "16", "activationLagCount": "0", "username": "keda"},
			"authenticationRef": {"name": "redis"}}`},
	} {
		t.Run(signal.name, func(t *testing.T) {
			if signal.name == "redis-streams" {
				redisForKEDA(t, here)
			}
			measure(t, here, signal.trigger)
		})
	}
}

// redisForKEDA gives KEDA a user in Redis, which the demo has no use for.
func redisForKEDA(t *testing.T, c *cluster) {
	script := c.path("repository/deploy/redis/start.sh")
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	const before = "\t\tuser health"
	text = bytes.Replace(text, []byte(before), []byte("\t\tuser keda on >secret +ping +info %R~* +xinfo|groups +xlen +xpending\n"+before), 1)
	if err := errors.Join(os.WriteFile(script, text, 0o755), c.write("redis-for-keda.yaml", `
apiVersion: v1
kind: Secret
metadata: {name: redis-for-keda}
stringData: {password: secret}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: redis}
spec: {secretTargetRef: [{parameter: password, name: redis-for-keda, key: password}]}
`)); err != nil {
		t.Fatal(err)
	}
	c.do(t, "apply", "-f", c.path("redis-for-keda.yaml"))
	c.do(t, "apply", "-k", c.path("repository/test/kubernetes/scaled"))
	c.ready(t, "statefulset/redis")
}

func measure(t *testing.T, c *cluster, trigger string) {
	c.do(t, "delete", "scaledobject", "inventory", "--ignore-not-found")
	c.do(t, "apply", "-k", c.path("repository/test/kubernetes/scaled"))
	c.ready(t, "deployment/inventory")
	c.do(t, "patch", "scaledobject", "inventory", "--type=merge", "--patch", `{"spec": {"triggers": [`+trigger+`]}}`)
	load := c.load(t, "6m", "test-slow: 100")
	watched := c.watch(load)
	load.accounts(t)
	watched.end(t)
}
