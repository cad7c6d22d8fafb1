package e2e

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/services/contracts"
	"example.com/clew/services/messaging"
	"example.com/clew/services/messaging/messagingtest"
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
	t.Cleanup(func() {
		_ = input.Close()
		_ = server.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	of := func(user string) string {
		return (&url.URL{Scheme: "unix", User: url.UserPassword(user, "of-"+user), Path: socket}).String()
	}
	admin := messagingtest.Client(t, of("admin"))
	messagingtest.Eventually(t, "Redis answers", func() error { return admin.Ping(t.Context()).Err() })
	return of
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
	tools := as("tools")
	operator := messaging.NewAdmin(tools, 1)
	s.awaitEnded("dead_letter orders", 2)
	letters, err := operator.DeadLetters(t.Context(), "orders")
	if err != nil || len(letters) != 2 {
		t.Fatalf("dead letters %+v, error %v", letters, err)
	}
	if err := tools.HSet(t.Context(), contracts.TestSwitches, contracts.SwitchPoison, contracts.PoisonFixed).Err(); err != nil {
		t.Error(err)
	}
	for _, letter := range letters {
		settle := operator.Redrive
		if letter.Message.Subject == invalid.ID {
			settle = operator.Discard
		}
		if done, err := settle(t.Context(), "orders", letter); err != nil || !done {
			t.Errorf("%v, %v", done, err)
		}
	}
	if o, err := s.orders.Await(t.Context(), poison.ID); err != nil || o.Status != "confirmed" {
		t.Errorf("redriven: the order is %s: %v", o.Status, err)
	}
	if err := tools.HDel(t.Context(), contracts.TestSwitches, contracts.SwitchPoison).Err(); err != nil {
		t.Error(err)
	}
	for _, stream := range []string{"orders", "stock"} {
		if _, err := operator.Streams(t.Context(), stream); err != nil {
			t.Error(err)
		}
		listen(t, as, stream)
		if found, err := operator.ForgetGroup(t.Context(), stream, "listen"); err != nil || !found {
			t.Errorf("forget the group of %s: %v, %v", stream, found, err)
		}
	}
	for _, service := range []string{s.orderAdmin, s.inventoryAdmin} {
		s.ask("POST", service+"/outbox/replay?since=15m", "", 200, nil)
	}

	// The janitor comes once a minute: here is what it will run.
	source, err := os.ReadFile("../../services/messaging/scripts.go")
	if err != nil {
		t.Fatal(err)
	}
	trim := regexp.MustCompile("(?s)var trim = redis.NewScript\\(`(.*?)`\\)").FindSubmatch(source)
	for user, keys := range map[string][]string{"order": {"stock:{0}"}, "inventory": {orders}, "tools": {orders, "stock:{0}"}} {
		for _, key := range keys {
			if err := as(user).Eval(t.Context(), string(trim[1]), []string{key}, "listen", 1).Err(); err != nil {
				t.Errorf("trim as %s: %v", user, err)
			}
		}
	}
	if err := as("health").Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

// listen is `clew listen`: a group that stays and dead-letters what it cannot print, and one that goes.
func listen(t *testing.T, as func(string) redis.UniversalClient, stream string) {
	t.Helper()
	types := map[string]string{"orders": contracts.OrderCreatedV1, "stock": contracts.StockReservedV1}
	for _, temporary := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan struct{}, 1000)
		consumer := messaging.NewConsumer(as("tools"), messaging.Subscription{
			Stream: stream, Partitions: 1, Group: "listen", Temporary: temporary,
		}, messaging.Handlers{types[stream]: func(context.Context, messaging.Message) error {
			failed <- struct{}{}
			return messaging.Permanent(errors.New("the terminal is gone"))
		}}, messaging.WithName("listen-1"))
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
		"FLUSHALL", "KEYS *", "SCAN 0", "CONFIG GET *", "CONFIG SET maxmemory 1", "ACL LIST", "ACL WHOAMI", "SHUTDOWN",
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
		"tools":  {"DEL clew:test", "HGET clew:test poison"},
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

func TestTheFullStackKeepsWhatRedisIsGiven(t *testing.T) {
	admin := messagingtest.Client(t, redisUsers(t)("admin"))
	for setting, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction", "maxmemory": "134217728",
	} {
		if got := admin.ConfigGet(t.Context(), setting).Val()[setting]; got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}
