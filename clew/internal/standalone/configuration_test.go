package standalone

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/observability/telemetry"
	inventory "example.com/clew/services/inventory/app"
	order "example.com/clew/services/order/app"
)

const repository = "../../.."

// A variable is who reads it, and its defaults: order's, inventory's and clew's, as far as they differ.
type variable struct {
	ReadBy   string
	Defaults []string
}

// documented is the table of docs/configuration.md.
func documented(t *testing.T) map[string]variable {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs/configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| variable | read by | default |")
	table, _, _ = strings.Cut(table, "\n\n")
	all := map[string]variable{}
	for _, row := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(row, "|")
		name := strings.Trim(cells[1], " `")
		if _, twice := all[name]; twice {
			t.Errorf("%s stands in the table twice", name)
		}
		v := variable{ReadBy: strings.TrimSpace(cells[2])}
		for _, quoted := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(cells[3], -1) {
			if quoted[1] != "clew up" {
				v.Defaults = append(v.Defaults, quoted[1])
			}
		}
		all[name] = v
	}
	return all
}

// read is what the code reads: the tags of the configurations, what telemetry names, and what clew asks for by name.
func read(t *testing.T) map[string]variable {
	t.Helper()
	readers, values := map[string][]string{}, map[string][]string{}
	note := func(name, reader, value string) {
		readers[name] = append(readers[name], reader)
		if value != "" && !slices.Contains(values[name], value) {
			values[name] = append(values[name], value)
		}
	}
	tags := func(reader string, config any) {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(config)) {
			if name := field.Tag.Get("env"); name != "" {
				note(name, reader, field.Tag.Get("envDefault"))
			}
		}
	}
	tags("order", order.Config{})
	tags("inventory", inventory.Config{})
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if name := field.Tag.Get("env"); name != "" && len(field.Index) == 1 { // what is embedded is the services'
			note(name, "clew", field.Tag.Get("envDefault"))
		}
	}
	for _, d := range defaults {
		values[d[0]] = append(values[d[0]], d[1])
	}
	for name := range named(t, "observability/telemetry", regexp.MustCompile(`"((?:OTEL|LOG)_[A-Z_]+)\b`)) {
		readers[name], values[name] = []string{"all"}, defaultInMessage(t, name)
	}
	for _, folder := range []string{"clew"} {
		for name := range named(t, folder, regexp.MustCompile(`os\.Getenv\("([A-Z_]+)"\)`)) {
			if readers[name] == nil {
				readers[name] = []string{"clew"}
			}
		}
	}
	all := map[string]variable{}
	for name, by := range readers {
		slices.Sort(by)
		readBy := strings.Join(by, ", ")
		if readBy == "inventory, order" {
			readBy = "services"
		}
		all[name] = variable{readBy, values[name]}
	}
	return all
}

// named are the variables that the Go files in a folder name.
func named(t *testing.T, folder string, pattern *regexp.Regexp) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(repository, folder), func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range pattern.FindAllSubmatch(source, -1) {
			found[string(match[1])] = true
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d variables in %s: %v", len(found), folder, err)
	}
	return found
}

// defaultInMessage is the default that telemetry names to whoever has set a variable wrongly.
func defaultInMessage(t *testing.T, name string) []string {
	t.Helper()
	t.Setenv(name, "\x01")
	defer os.Unsetenv(name)
	match := regexp.MustCompile(`\(default (.*)\)`).FindStringSubmatch(telemetry.CheckEnvironment(t.Context()).Error())
	if match == nil {
		return nil
	}
	return match[1:]
}

func TestEveryVariableIsDocumented(t *testing.T) {
	want, got := read(t), documented(t)
	want["CLEW_DIR"] = variable{"clew", []string{".clew"}} // which stands in package state, in code
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/configuration.md (-code +documented):\n%s", diff)
	}
}

// unset takes the variables out of the test's environment.
func unset(t *testing.T, names map[string]variable) {
	t.Helper()
	for name := range names {
		t.Setenv(name, "")
	}
}

// Whoever sets a variable to what the program cannot use is told which one, and what was expected, before anything
// starts.
func TestABadValueIsRefused(t *testing.T) {
	all := documented(t)
	anything := []string{"CLEW_DIR", "CLEW_STATUS" /* not what clew up reads: see state_test.go */, "CLEW_INSTANCE", "CLEW_TOKEN", "NO_COLOR", "COLUMNS"}
	bad := map[string]string{
		"REDIS_URL": "http://127.0.0.1", "DATABASE_URL": "mysql://127.0.0.1/order",
		"ORDER_DATABASE_URL": "order.db", "INVENTORY_DATABASE_URL": "mysql://127.0.0.1/inventory",
		"CLEW_ALLOWED_HOSTS": "*", "CLEW_PARTITIONS": "abc", "CLEW_CLAIM_AFTER": "1s", "CLEW_HEARTBEAT": "soon",
		"OTEL_TRACES_SAMPLER_ARG": "NaN",
	}
	required := map[string]string{"REDIS_URL": "redis://127.0.0.1:6379/0", "DATABASE_URL": "sqlite:///tmp/order.db"}
	for name, v := range all {
		if slices.Contains(anything, name) {
			continue
		}
		value := bad[name]
		if value == "" {
			value = "wrong" // no address, no choice and no number
		}
		refused := func(t *testing.T, err error) {
			t.Helper()
			if err == nil {
				t.Fatal("no error")
			}
			line := err.Error()
			if strings.Contains(line, "\n") || !strings.HasPrefix(line, name+" ") || !strings.Contains(line, ", expected ") {
				t.Errorf("%s, want one line that begins with the variable and says what is expected", line)
			}
		}
		variables := maps.Clone(required)
		variables[name] = value
		for _, program := range []struct {
			name string
			read func(t *testing.T) error
		}{
			{"order", func(*testing.T) error { _, err := order.ReadConfig(variables); return err }},
			{"inventory", func(*testing.T) error { _, err := inventory.ReadConfig(variables); return err }},
			{"clew", func(t *testing.T) error {
				unset(t, all)
				t.Setenv(name, value)
				_, err := ConfigFromEnv(t.Context())
				return err
			}},
			{"all", func(t *testing.T) error {
				unset(t, all)
				t.Setenv(name, value)
				return telemetry.CheckEnvironment(t.Context())
			}},
		} {
			services := program.name == "order" || program.name == "inventory"
			if strings.Contains(v.ReadBy, program.name) || v.ReadBy == "services" && services {
				t.Run(program.name+" "+name, func(t *testing.T) { refused(t, program.read(t)) })
			}
		}
	}
}

// What clew up passes on it checks itself: else its services would not start, and it could only say that they did not.
func TestClewChecksWhatItsServicesWillRead(t *testing.T) {
	unset(t, documented(t))
	if _, err := ConfigFromEnv(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"CLEW_PROPAGATION": "1", "CLEW_HEARTBEAT": "2s", "CLEW_TESTMODE": "on", "OTEL_TRACES_SAMPLER": "always", "LOG_LEVEL": "loud",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if _, err := ConfigFromEnv(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v, want %s named", err, name)
			}
		})
	}
}
