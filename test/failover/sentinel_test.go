package failover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// Sentinel replaces a master that died, and one that hung.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master := startRedis(t)
	replica := startRedis(t, "--replicaof", strings.Replace(master.addr, ":", " ", 1))
	replica.follows()
	sentinels := startSentinels(t, master.addr, 1)
	o := placeOrders(t, "REDIS_SENTINELS="+strings.Join(sentinels, ","), "REDIS_MASTER=main")

	killed := time.Now()
	master.kill()
	replica.leads()
	o.goesOn(all()...)
	t.Logf("master killed: nothing was confirmed for %s", o.silence(killed, all()...))
	for _, s := range o.streams() {
		if s.Master != replica.addr {
			t.Errorf("clew streams says that %s has %s/%d, want %s", s.Master, s.Stream, s.Partition, replica.addr)
		}
	}

	master.start()
	master.follows()
	stopped := time.Now()
	goOn := replica.pause()
	master.leads()
	o.goesOn(all()...)
	t.Logf("master stopped: nothing was confirmed for %s", o.silence(stopped, all()...))
	goOn()
	replica.follows()
	o.goesOn(all()...)
	t.Logf("it continued: nothing was confirmed for %s", o.silence(stopped, all()...))
	o.balance()
}

// A replica that was cut off is behind. If it is promoted, acknowledged messages are lost, and a replay of the outbox publishes
// them again.
func TestSentinelPromotesAReplicaThatIsBehind(t *testing.T) {
	t.Parallel()
	replica, cut := startRedisApart(t)
	here := strings.TrimSuffix(replica.addr, "2:6379") + "1"
	master := newServer(t, net.JoinHostPort(here, strconv.Itoa(messagingtest.FreePort(t))))
	master.args = append(master.command(), "--bind", here, "--protected-mode", "no")
	master.start()
	if err := replica.Do(t.Context(), "replicaof", here, master.port()).Err(); err != nil {
		t.Fatal(err)
	}
	replica.follows()
	sentinels := startSentinels(t, master.addr, 1)
	o := placeOrders(t, "REDIS_SENTINELS="+strings.Join(sentinels, ","), "REDIS_MASTER=main")

	// Nobody processes what is published in the meantime.
	inventory := *o.clew.Process("inventory-1").PID
	if err := syscall.Kill(inventory, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(inventory, syscall.SIGCONT) })
	mend := cut()
	before := published(t, master)
	o.eventually("messages are published that the replica does not have", func() error {
		now := published(t, master)
		return processtest.Unless(now >= before+rate, "%d are", now-before)
	})
	killed := time.Now()
	master.kill()
	mend()
	replica.leads()
	promoted := time.Now()
	if err := syscall.Kill(inventory, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	o.goesOn(all()...)
	t.Logf("a replica that was behind was promoted %s after the master was killed: nothing was confirmed for %s from then on",
		promoted.Sub(killed).Round(10*time.Millisecond), o.silence(promoted, all()...))

	o.stop()
	o.eventually("all that is left in Redis is processed", func() error { return o.idle() })
	lost := o.unfinished()
	if lost == 0 {
		t.Fatal("no message was lost, so a replay has nothing to repair")
	}
	t.Logf("%d orders are pending because their messages were lost; %s", lost, o.clew.Run("outbox", "replay", "--since", "10m"))
	o.balance()
}

// published returns the number of messages in the stream of orders.
func published(t *testing.T, on *server) (messages int64) {
	t.Helper()
	for p := range partitions {
		n, err := on.XLen(t.Context(), messaging.StreamKey("orders", p)).Result()
		if err != nil {
			t.Fatal(err)
		}
		messages += n
	}
	return messages
}

// streams is what clew shows of them.
func (o *orders) streams() (streams []messaging.StreamInfo) {
	o.t.Helper()
	if err := json.Unmarshal([]byte(o.clew.Run("streams", "--json")), &streams); err != nil {
		o.t.Fatal(err)
	}
	return streams
}

// idle returns an error while a message waits.
func (o *orders) idle() error {
	for _, s := range o.streams() {
		for _, g := range s.Groups {
			if g.Lag+g.Pending > 0 {
				return fmt.Errorf("%s/%d has %d messages that %s has not finished", s.Stream, s.Partition, g.Lag+g.Pending, g.Name)
			}
		}
	}
	for _, p := range o.clew.Processes {
		if p.Admin == "" {
			continue
		}
		response, err := http.Get(p.Admin + "/metrics")
		if err != nil {
			return err
		}
		metrics, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !strings.Contains(string(metrics), "\noutbox_pending_messages 0") {
			return fmt.Errorf("%s has messages to publish: %w", p.Name, err)
		}
	}
	return nil
}

// startRedisApart starts a server in a network namespace of its own, on an address that ends with 2. The one that ends with 1 is
// this machine's. cut interrupts the network until mend is called. All of it goes with the server's process.
func startRedisApart(t *testing.T) (s *server, cut func() (mend func())) {
	t.Helper()
	run := func(command ...string) error {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out)
		}
		return nil
	}
	if err := errors.Join(run("unshare", "--net", "true"), run("ip", "link", "show", "lo")); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("SKIPPED: a replica can be cut off only with a network namespace, which root may make, and iproute2: %v", err)
		}
		t.Fatal(err)
	}
	network := fmt.Sprintf("198.18.%d.", rand.IntN(256)) // one of those for tests of networks
	s = newServer(t, network+"2:6379")
	s.args = append(append([]string{"unshare", "--net"}, s.command()...), "--bind", "0.0.0.0", "--protected-mode", "no")
	messagingtest.Server(t, "", s.args...)
	processtest.Eventually(t, "the server runs", func() error {
		_, err := os.Stat(s.pidFile())
		return err
	})
	inside := func(command ...string) []string {
		return append([]string{"nsenter", "--net=/proc/" + strconv.Itoa(s.pid()) + "/ns/net"}, command...)
	}
	device := "clew" + strconv.Itoa(s.pid())
	if err := errors.Join(
		run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(s.pid())),
		run("ip", "addr", "add", network+"1/24", "dev", device),
		run("ip", "link", "set", device, "up"),
		run(inside("ip", "addr", "add", network+"2/24", "dev", "eth0")...),
		run(inside("ip", "link", "set", "eth0", "up")...),
	); err != nil {
		t.Fatal(err)
	}
	set := func(state string) {
		if err := run(inside("ip", "link", "set", "eth0", state)...); err != nil {
			t.Fatal(err)
		}
	}
	return s, func() func() {
		set("down")
		return func() { set("up") }
	}
}
