package failover

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/clew/processtest"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
)

// A cluster replaces a master that died, and one that hung; it moves a slot to another master; and while a whole shard is down,
// the partitions of the others go on.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	o := placeOrders(t, "REDIS_CLUSTER=on", fmt.Sprintf("REDIS_URL=redis://%s?addr=%s&addr=%s", c[0].addr, c[1].addr, c[2].addr))

	for _, s := range o.streams() {
		if want := c.shard(s.Partition)[0].addr; s.Master != want {
			t.Errorf("clew streams says that %s has %s/%d, want %s", s.Master, s.Stream, s.Partition, want)
		}
	}
	quiet := time.Now()
	o.goesOn(all()...)
	t.Logf("undisturbed: nothing was confirmed for %s", o.silence(quiet, all()...))

	master := c.shard(0)[0]
	mine, others := c.partitionsOf(master)
	killed := time.Now()
	master.kill()
	heir := c.replaced(master, mine[0])
	o.goesOn(all()...)
	t.Logf("master killed: nothing was confirmed for %s in its partitions %v, for %s in the others",
		o.silence(killed, mine...), mine, o.silence(killed, others...))

	master.start()
	master.follows()
	stopped := time.Now()
	goOn := heir.pause()
	c.replaced(heir, mine[0])
	o.goesOn(all()...)
	t.Logf("master stopped: nothing was confirmed for %s in its partitions, for %s in the others",
		o.silence(stopped, mine...), o.silence(stopped, others...))
	goOn()
	heir.follows()

	moving := 1
	if slices.Contains(mine, moving) {
		t.Fatalf("the partitions are %v and %v", mine, others)
	}
	began := time.Now()
	c.moveSlot(moving, c.shard(0)[0], func() { o.goesOn(mine...) })
	o.goesOn(all()...)
	t.Logf("slot moved: nothing was confirmed for %s in its partition %d, for %s in the others",
		o.silence(began, moving), moving, o.silence(began, mine...))

	master = c.shard(3)[0]
	replica := c.shard(3)[1]
	mine, others = c.partitionsOf(master)
	down := time.Now()
	replica.kill()
	master.kill()
	o.goesOn(others...)
	o.goesOn(others...)
	if shown, err := o.clew.Command("streams", "--json").Output(); err == nil || !strings.Contains(string(shown), `"partition": `+fmt.Sprint(others[0])) {
		t.Errorf("clew streams: error %v, want one, and the partitions of the others:\n%s", err, shown)
	}
	t.Logf("shard down: nothing was confirmed for %s in the partitions %v of others", o.silence(down, others...), others)
	master.start()
	replica.start()
	o.goesOn(mine...)
	t.Logf("shard back: nothing was confirmed for %s in its partitions %v, for %s in the others",
		o.silence(down, mine...), mine, o.silence(down, others...))
	o.balance()
}

// A cluster is its nodes: three masters, and a replica of each.
type cluster []*server

func startCluster(t *testing.T) (c cluster) {
	t.Helper()
	var addrs []string
	for range 6 {
		s := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", fmt.Sprint(messagingtest.FreePort(t)), "--cluster-announce-ip", "127.0.0.1",
			"--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
		c, addrs = append(c, s), append(addrs, s.addr)
	}
	create := exec.Command("redis-cli", append([]string{"--cluster", "create", "--cluster-replicas", "1", "--cluster-yes"}, addrs...)...)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, s := range c[3:] {
		s.follows()
	}
	for _, s := range c {
		s.eventually("it knows the cluster", func() error {
			slots, err := s.ClusterSlots(t.Context()).Result() //nolint:staticcheck // what the client asks for, too
			state, _ := s.ClusterInfo(t.Context()).Result()
			return processtest.Unless(err == nil && len(slots) == 3 && strings.Contains(state, "cluster_state:ok"),
				"its slots are %v, error %v, and its state %s", slots, err, state)
		})
	}
	return c
}

func (s *server) eventually(what string, ask func() error) {
	s.t.Helper()
	processtest.Eventually(s.t, s.addr+": "+what, ask)
}

// shardBy returns the nodes that have a partition, the master first, as one node sees it.
func (c cluster) shardBy(s *server, partition int) ([]*server, error) {
	slots, err := s.ClusterSlots(s.t.Context()).Result() //nolint:staticcheck // what the client asks for, too
	if err != nil {
		return nil, err
	}
	for _, r := range slots {
		if slot := s.slot(partition); r.Start <= slot && slot <= r.End {
			var shard []*server
			for _, node := range r.Nodes {
				shard = append(shard, c[slices.IndexFunc(c, func(s *server) bool { return s.addr == node.Addr })])
			}
			return shard, nil
		}
	}
	return nil, fmt.Errorf("nobody has partition %d", partition)
}

// slot is that of all keys of a partition.
func (s *server) slot(partition int) int {
	s.t.Helper()
	slot, err := s.ClusterKeySlot(s.t.Context(), messaging.StreamKey("orders", partition)).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return int(slot)
}

// shard returns the nodes that have a partition, the master first.
func (c cluster) shard(partition int) []*server {
	s := c[slices.IndexFunc(c, func(s *server) bool { return !s.away })]
	shard, err := c.shardBy(s, partition)
	if err != nil {
		s.t.Fatal(err)
	}
	return shard
}

// partitionsOf returns the partitions that a master has, and those of the others.
func (c cluster) partitionsOf(master *server) (mine, others []int) {
	for p := range partitions {
		if c.shard(p)[0] == master {
			mine = append(mine, p)
		} else {
			others = append(others, p)
		}
	}
	return mine, others
}

// replaced waits until all who are well see another master of a partition than before, and returns it.
func (c cluster) replaced(before *server, partition int) (heir *server) {
	for _, s := range c {
		if s.away {
			continue
		}
		s.eventually(fmt.Sprint("another has partition ", partition), func() error {
			shard, err := c.shardBy(s, partition)
			if err != nil {
				return err
			}
			heir = shard[0]
			return processtest.Unless(heir != before, "it is still with %s", before.addr)
		})
	}
	return heir
}

// moveSlot moves a partition's slot to another master, which first gets the keys. meanwhile is called before all know it.
func (c cluster) moveSlot(partition int, to *server, meanwhile func()) {
	from, slot := c.shard(partition)[0], to.slot(partition)
	id := func(s *server) string { return s.must("cluster", "myid").(string) }
	to.must("cluster", "setslot", slot, "importing", id(from))
	from.must("cluster", "setslot", slot, "migrating", id(to))
	from.must(append([]any{"migrate", "127.0.0.1", to.port(), "", 0, 5000, "keys"}, from.must("cluster", "getkeysinslot", slot, 100).([]any)...)...)
	key := messaging.StreamKey("orders", partition)
	if err := from.XLen(from.t.Context(), key).Err(); !redis.HasErrorPrefix(err, "ASK") {
		from.t.Fatalf("%s answers %v about %s, want ASK", from.addr, err, key)
	}
	meanwhile()
	for _, s := range append([]*server{to, from}, c...) {
		if s.info("replication", "role") == "master" {
			s.must("cluster", "setslot", slot, "node", id(to))
		}
	}
	if err := from.XLen(from.t.Context(), key).Err(); !redis.HasErrorPrefix(err, "MOVED") {
		from.t.Fatalf("%s answers %v about %s, want MOVED", from.addr, err, key)
	}
}

// must returns the answer to a command.
func (s *server) must(command ...any) any {
	s.t.Helper()
	answer, err := s.Do(s.t.Context(), command...).Result()
	if err != nil {
		s.t.Fatalf("%s: %v: %v", s.addr, command, err)
	}
	return answer
}
