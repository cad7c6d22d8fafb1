package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/clew/processtest"
	"example.com/clew/clew/state"
	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
	"example.com/clew/test/internal/clewtest"
)

// What deploy/ makes for the full stack: the users of Redis and the databases of Postgres. The servers are real ones, but
// not the containers'.

const deploy = "../../deploy"

// redisUsers starts Redis with the full stack's settings and users, and returns the URL of each user; admin, which may do
// anything, is the test's own.
func redisUsers(t *testing.T) func(user string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	of, _ := startRedis(t, dir)
	return of
}

// startRedis starts it with its data in a folder. Stop may be called before the end of the test.
func startRedis(t *testing.T, dir string) (of func(user string) string, stop func()) {
	t.Helper()
	users := exec.Command("sh", filepath.Join(deploy, "redis/start.sh"), "users")
	for _, user := range []string{"order", "inventory", "tools", "health"} {
		users.Env = append(users.Env, "REDIS_"+strings.ToUpper(user)+"_PASSWORD=of-"+user)
	}
	acl, err := users.Output()
	if err != nil {
		t.Fatalf("users: %v", err)
	}
	file, socket := filepath.Join(dir, "users.acl"), filepath.Join(dir, "s")
	if err := os.WriteFile(file, append(acl, "user admin on >of-admin ~* &* +@all\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("redis-server")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("SKIPPED: redis-server is missing; `make test` installs it")
	}
	// The shell ends the server when its input closes, and that happens even if this process is killed.
	server := exec.Command("sh", "-c", `"$@" & read _; kill $!; wait`, "sh", program, filepath.Join(deploy, "redis/redis.conf"),
		"--aclfile", file, "--dir", dir, "--port", "0", "--unixsocket", socket)
	input, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	log := &strings.Builder{}
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = input.Close()
		_ = server.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	t.Cleanup(stop)
	of = func(user string) string {
		return (&url.URL{Scheme: "unix", User: url.UserPassword(user, "of-"+user), Path: socket}).String()
	}
	admin := messagingtest.Client(t, of("admin"))
	processtest.Eventually(t, "Redis answers", func() error { return admin.Ping(t.Context()).Err() })
	return of, stop
}

// postgresDatabases makes the services' databases with the full stack's script, and returns their URLs.
func postgresDatabases(t *testing.T) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hba") //nolint:usetesting // Postgres's user may not enter those of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	hba := filepath.Join(dir, "pg_hba.conf")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(hba, []byte("local all clew trust\nlocal all order,inventory scram-sha-256\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	admin, stop, err := messagingtest.StartPostgres("fsync=off", "hba_file="+hba)
	psql, lookErr := exec.LookPath("psql")
	if (errors.Is(err, exec.ErrNotFound) || lookErr != nil) && os.Getenv("CI") == "" {
		t.Skip("SKIPPED: Postgres or psql is missing; `make test` installs them")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	init := exec.Command(psql, "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-d", admin, "-f", filepath.Join(deploy, "postgres/init.sql"))
	init.Env = append(os.Environ(), "POSTGRES_ORDER_PASSWORD=of-order", "POSTGRES_INVENTORY_PASSWORD=of'inventory")
	if output, err := init.CombinedOutput(); err != nil {
		t.Fatalf("init.sql: %v\n%s", err, output)
	}
	of := func(user, password, database string) string {
		u, err := url.Parse(admin)
		if err != nil {
			t.Fatal(err)
		}
		u.User, u.Path = url.UserPassword(user, password), "/"+database
		return u.String()
	}
	for reason, refused := range map[string]string{
		"password authentication failed":             of("order", "wrong", "order"),
		`permission denied for database "inventory"`: of("order", "of-order", "inventory"),
		`permission denied for database "order"`:     of("inventory", "of'inventory", "order"),
		`permission denied for database "postgres"`:  of("order", "of-order", "postgres"),
	} {
		output, err := exec.Command(psql, "--no-psqlrc", "-d", refused, "-c", "SELECT 1").CombinedOutput()
		if err == nil || !regexp.MustCompile(reason).Match(output) {
			t.Errorf("%v %s, want %s", err, output, reason)
		}
	}
	return map[string]string{
		"order": of("order", "of-order", "order"), "inventory": of("inventory", "of'inventory", "inventory"),
	}
}

// Everything that services and the operator do is allowed to the users that do it.
func TestTheUsersOfTheFullStackMayDoTheirWork(t *testing.T) {
	redisURL := redisUsers(t)
	admin := messagingtest.Client(t, redisURL("admin"))
	t.Cleanup(func() { // after the services have stopped
		refused, err := admin.Do(context.Background(), "ACL", "LOG").Slice()
		if err != nil || len(refused) > 0 {
			t.Errorf("refused: %v, error %v", refused, err)
		}
	})
	s := prepare(t, postgresDatabases(t))
	as := func(user string) redis.UniversalClient { return messagingtest.Client(t, redisURL(user)) }

	// A message of a consumer that died, which inventory takes over.
	s.redisURL = redisURL("order")
	s.startOrder()
	takenOver := s.accept("lamp", "")
	dead := as("inventory")
	dead.XGroupCreateMkStream(t.Context(), orders, "inventory", "0")
	err := dead.XReadGroup(t.Context(), &redis.XReadGroupArgs{
		Group: "inventory", Consumer: "inventory-1-4711", Streams: []string{orders, ">"}, Count: 1, Block: 10 * time.Second,
	}).Err()
	if err != nil {
		t.Fatal(err)
	}
	s.redisURL = redisURL("inventory")
	s.startInventory()

	invalid, poison := s.accept(contracts.TestInvalid, ""), s.accept(contracts.TestPoison, "")
	for sku, want := range map[string]string{
		"mug": "confirmed", contracts.TestFlaky: "confirmed", contracts.TestSlow: "confirmed", contracts.TestOutOfStock: "rejected",
	} {
		if o := s.place(sku); o.Status != want {
			t.Errorf("%s: the order is %s, want %s", sku, o.Status, want)
		}
	}
	if o, err := s.orders.Await(t.Context(), takenOver.ID); err != nil || o.Status != "confirmed" {
		t.Errorf("what was taken over: the order is %s: %v", o.Status, err)
	}

	// The operator.
	tools := s.tools(redisURL("tools"))
	s.awaitEnded("dead_letter orders", 2)
	var letters []struct{ ID, Subject string }
	if err := json.Unmarshal([]byte(tools(0, "clew", "dlq", "list", "--json")), &letters); err != nil || len(letters) != 2 {
		t.Fatalf("dead letters %+v, error %v", letters, err)
	}
	tools(0, "clew", "fix", "poison")
	for _, letter := range letters {
		tools(0, "clew", "dlq", "show", letter.ID)
		settle := "redrive"
		if letter.Subject == invalid.ID {
			settle = "discard"
		}
		tools(0, "clew", "dlq", settle, letter.ID)
	}
	if o, err := s.orders.Await(t.Context(), poison.ID); err != nil || o.Status != "confirmed" {
		t.Errorf("redriven: the order is %s: %v", o.Status, err)
	}
	tools(0, "clew", "break", "poison")
	for _, stream := range []string{"orders", "stock"} {
		tools(0, "clew", "streams")
		listen(t, as, stream)
		tools(0, "clew", "streams", "forget-group", stream, "listen")
	}
	tools(0, "clew", "outbox", "replay", "--since", "15m")
	tools(0, "clew", "trace", poison.ID)
	// Whether it passes, or keeps up, is a matter of the machine; everything else is not.
	for _, args := range [][]string{{"--scenario=poison", "--duration=3s"}, {"--target=stream", "--duration=2s", "--rate=100"}} {
		tools(-1, "loadtest", append([]string{"run"}, args...)...)
	}

	// The janitor comes once a minute: here is what it will run.
	source, err := os.ReadFile("../../services/messaging/scripts.go")
	if err != nil {
		t.Fatal(err)
	}
	trim := regexp.MustCompile("(?s)var trim = redis.NewScript\\(`(.*?)`\\)").FindSubmatch(source)
	for user, keys := range map[string][]string{"order": {"stock:{0}"}, "inventory": {orders}, "tools": {orders, "stock:{0}"}} {
		for _, key := range keys {
			if err := as(user).Eval(t.Context(), string(trim[1]), []string{key}, "listen", time.Hour.Milliseconds(), 1).Err(); err != nil {
				t.Errorf("trim as %s: %v", user, err)
			}
		}
	}
	if err := as("health").Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

// tools returns what runs the programs of the containers clew and loadtest, told as those are. They must exit so; with -1 they
// may pass or fail, but must have been able to judge.
func (s *stack) tools(redisURL string) func(exit int, program string, args ...string) string {
	s.t.Helper()
	binaries, err := clewtest.Build(s.t.TempDir())
	if err != nil {
		s.t.Fatal(err)
	}
	running, err := json.Marshal(state.State{
		Mode: state.Compose, Partitions: 1, Token: token, Redis: messaging.Redis{URL: redisURL},
		Addresses: state.Addresses{
			Order: s.order, Inventory: s.inventory, Viewer: s.viewer, Traces: s.viewer, OTLPHTTP: os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"),
		},
		Processes: []state.Process{
			{Name: "order-1", State: state.Running, Admin: s.orderAdmin}, {Name: "inventory-1", State: state.Running, Admin: s.inventoryAdmin},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return func(exit int, program string, args ...string) string {
		s.t.Helper()
		command := exec.Command(filepath.Join(string(binaries), program), args...)
		command.Env = append(os.Environ(), "CLEW_STATUS="+string(running), "LOADTEST_ADDR=127.0.0.1:0")
		out, err := command.CombinedOutput()
		got := command.ProcessState.ExitCode()
		judged := got <= 1 || strings.Contains(string(out), "the generator could not keep up")
		if got != exit && (exit != -1 || !judged) {
			s.t.Errorf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
}

// listen is `clew listen`: a group that stays and dead-letters what it cannot print, and one that goes.
func listen(t *testing.T, as func(string) redis.UniversalClient, stream string) {
	t.Helper()
	types := map[string]string{"orders": contracts.OrderCreated{}.Type(), "stock": contracts.StockReserved{}.Type()}
	for _, temporary := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan struct{}, 1000)
		consumer := messaging.NewConsumer(messaging.New(as("tools"), messaging.Config{}), messaging.Named(stream),
			messaging.ConsumerConfig{Group: "listen", Temporary: temporary},
			messaging.OnType[messaging.Named](types[stream], func(context.Context, messaging.Message) error {
				failed <- struct{}{}
				return messaging.Permanent(errors.New("the terminal is gone"))
			}))
		ended := make(chan error, 1)
		go func() { ended <- consumer.Run(ctx) }()
		if !temporary {
			<-failed
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	// The second has removed the group; the first is made again, to be forgotten.
	if err := as("tools").XGroupCreateMkStream(t.Context(), stream+":{0}", "listen", "0").Err(); err != nil {
		t.Error(err)
	}
}

// What a user has no business with is refused.
func TestTheUsersOfTheFullStackMayDoNothingElse(t *testing.T) {
	redisURL := redisUsers(t)
	everybody := []string{
		"FLUSHALL", "KEYS *", "SCAN 0", "CONFIG GET *", "CONFIG SET maxmemory 1", "ACL LIST", "ACL GETUSER tools", "ACL WHOAMI", "SHUTDOWN",
		"SCRIPT FLUSH", "CLIENT LIST", "INFO", "MONITOR", "REPLICAOF NO ONE", "SAVE", "SUBSCRIBE c", "PUBLISH c m",
		"SET key value", "GET key", "DEL orders:{0}", "RENAME orders:{0} key", "SET orders:{0} value", "XADD key * f v", "XLEN key", "HGETALL clew:test",
		"XGROUP SETID orders:{0} inventory 0", "XSETID orders:{0} 1-1",
		"EVAL return(redis.call('GET','key')) 0", "EVAL return(redis.call('DEL',KEYS[1])) 1 orders:{0}", "EVAL return(1) 1 key", "EVAL return(redis.call('FLUSHALL')) 0",
	}
	for user, refused := range map[string][]string{
		"order": {
			"XADD stock:{0} * f v", "XADD orders:{0}:dlq * f v", "XREADGROUP GROUP g c STREAMS orders:{0} >", "XACK orders:{0} inventory 1-1",
			"XTRIM orders:{0} MAXLEN 0", "XDEL stock:{0} 1-1", "XGROUP DESTROY stock:{0} order", "HGET clew:test poison", "HSET clew:test poison fixed",
			"EVAL return(redis.call('XADD',KEYS[1],'*','f','v')) 1 stock:{0}",
		},
		"inventory": {
			"XADD orders:{0} * f v", "XADD stock:{0}:dlq * f v", "XREADGROUP GROUP g c STREAMS stock:{0} >", "XACK stock:{0} order 1-1",
			"XTRIM stock:{0} MAXLEN 0", "XDEL orders:{0} 1-1", "XGROUP DESTROY orders:{0} inventory", "HSET clew:test poison fixed",
		},
		"tools":  {"DEL clew:test"},
		"health": {"TIME", "XLEN orders:{0}", "EVAL return(1) 0"},
	} {
		client := messagingtest.Client(t, redisURL(user))
		for _, command := range append(refused, everybody...) {
			var args []any
			for word := range strings.FieldsSeq(command) {
				args = append(args, word)
			}
			if err := client.Do(t.Context(), args...).Err(); err == nil || !regexp.MustCompile("NOPERM|The user executing the script can't").MatchString(err.Error()) {
				t.Errorf("%s: %s: %v, want it refused", user, command, err)
			}
		}
	}
	for name, u := range map[string]string{
		"nobody":           strings.Replace(redisURL("order"), "order:of-order@", "", 1),
		"a wrong password": strings.Replace(redisURL("order"), "of-order", "of-tools", 1),
		"no password":      strings.Replace(redisURL("order"), "order:of-order@", "order:@", 1),
		"default":          strings.Replace(redisURL("order"), "order:of-order@", ":of-order@", 1),
	} {
		if err := messagingtest.Client(t, u).Ping(t.Context()).Err(); err == nil || !regexp.MustCompile("NOAUTH|WRONGPASS").MatchString(err.Error()) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
}

// What scripts did is still done after a restart: Redis runs its append-only file as the user default, whom nobody can be.
func TestTheFullStackKeepsWhatScriptsDid(t *testing.T) {
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	of, stop := startRedis(t, dir)
	handled := make(chan struct{}, 1)
	consuming, end := context.WithCancel(t.Context())
	defer end()
	consumer := messaging.NewConsumer(messaging.New(messagingtest.Client(t, of("inventory")), messaging.Config{}), contracts.Orders{},
		messaging.ConsumerConfig{Group: "inventory"},
		messaging.On(func(context.Context, contracts.OrderCreated, messaging.Message) error {
			handled <- struct{}{}
			return messaging.Permanent(errors.New("it is never any good"))
		}))
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(consuming) }()
	publisher := messaging.New(messagingtest.Client(t, of("order")), messaging.Config{}).Publisher()
	err = messaging.Publish(t.Context(), publisher, contracts.OrderCreated{
		OrderID: "o", CustomerID: "ada", Currency: "EUR", Items: []contracts.Item{{SKU: "lamp", Quantity: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	<-handled
	end()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	stop()
	of, _ = startRedis(t, dir)
	admin := messagingtest.Client(t, of("admin"))
	pending, err := admin.XPending(t.Context(), orders, "inventory").Result()
	if letters := admin.XLen(t.Context(), orders+":dlq").Val(); err != nil || pending.Count != 0 || letters != 1 {
		t.Errorf("after a restart %d messages are pending and %d dead letters are there, want 0 and 1: %v", pending.Count, letters, err)
	}
	if refused, err := admin.Do(t.Context(), "ACL", "LOG").Slice(); err != nil || len(refused) > 0 {
		t.Errorf("refused: %v, error %v", refused, err)
	}
}

func TestTheFullStackKeepsWhatRedisIsGiven(t *testing.T) {
	admin := messagingtest.Client(t, redisUsers(t)("admin"))
	for setting, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction", "maxmemory": "268435456",
	} {
		if got := admin.ConfigGet(t.Context(), setting).Val()[setting]; got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}
