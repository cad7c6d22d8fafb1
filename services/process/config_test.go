package process_test

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/clew/services/process"
)

// lampsConfig is a Config as a service has it.
type lampsConfig struct {
	process.Config
	Addr string `env:"LAMPS_ADDR" envDefault:"127.0.0.1:7000"`
}

func read(variables map[string]string) (lampsConfig, error) {
	var cfg lampsConfig
	err := process.ReadConfig("lamps", &cfg, &cfg.Config, variables)
	return cfg, err
}

var required = map[string]string{"REDIS_URL": "redis://127.0.0.1:6379/0", "DATABASE_URL": "sqlite:///tmp/lamps.db"}

func with(variables map[string]string) map[string]string {
	all := maps.Clone(required)
	maps.Copy(all, variables)
	return all
}

func TestConfig(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	defaults := lampsConfig{process.Config{
		RedisURL: required["REDIS_URL"], DatabaseURL: required["DATABASE_URL"],
		Partitions: 1, Instance: "lamps-" + host, TrustCaller: true,
	}, "127.0.0.1:7000"}
	for name, test := range map[string]struct {
		variables map[string]string
		want      lampsConfig
	}{
		"defaults": {required, defaults},
		"empty is unset": {with(map[string]string{
			"LAMPS_ADDR": "", "CLEW_PARTITIONS": "", "CLEW_TRUST_CALLER": "", "CLEW_INSTANCE": "", "CLEW_ALLOWED_HOSTS": "",
		}), defaults},
		"everything": {with(map[string]string{
			"LAMPS_ADDR": "127.0.0.1:1", "CLEW_PARTITIONS": "256", "CLEW_INSTANCE": "lamps-7", "CLEW_TOKEN": "t",
			"CLEW_ALLOWED_HOSTS": "lamps,clew.example", "CLEW_TRUST_CALLER": "off",
		}), lampsConfig{process.Config{
			RedisURL: required["REDIS_URL"], DatabaseURL: required["DATABASE_URL"],
			Partitions: 256, Instance: "lamps-7", Token: "t", AllowedHosts: []string{"lamps", "clew.example"},
		}, "127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(test.variables)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAWrongConfigNamesEveryVariable(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		want      []string
	}{
		"nothing": {nil, []string{
			"REDIS_URL is not set, expected a URL such as redis://127.0.0.1:6379/0",
			"DATABASE_URL is not set, expected a URL such as sqlite:///var/lib/clew/lamps.db",
		}},
		"everything": {map[string]string{
			"REDIS_URL": "http://:secret@host", "DATABASE_URL": "mysql://:secret@host", "CLEW_PARTITIONS": "none", "CLEW_TRUST_CALLER": "yes",
		}, []string{
			`CLEW_PARTITIONS is "none", expected a whole number from 1 to 256`,
			`CLEW_TRUST_CALLER is "yes", expected on or off`,
			"REDIS_URL is wrong, expected a URL such as redis://127.0.0.1:6379/0",
			"DATABASE_URL is wrong, expected a URL such as sqlite:///var/lib/clew/lamps.db",
		}},
		"too few partitions":  {with(map[string]string{"CLEW_PARTITIONS": "0"}), []string{`CLEW_PARTITIONS is "0", expected a whole number from 1 to 256`}},
		"too many partitions": {with(map[string]string{"CLEW_PARTITIONS": "257"}), []string{`CLEW_PARTITIONS is "257", expected a whole number from 1 to 256`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(test.variables)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
