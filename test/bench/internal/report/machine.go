package report

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Machine says what was measured on: its load before, and the Postgres at this URL, if one was used.
func Machine(ctx context.Context, loadBefore, postgresURL string) []string {
	return []string{
		fmt.Sprintf("%s, %d cores, %s/%s, %s, Redis %s, Postgres %s", processor(), runtime.NumCPU(),
			runtime.GOOS, runtime.GOARCH, runtime.Version(), redisVersion(ctx), postgresVersion(ctx, postgresURL)),
		"Load average of the machine before: " + loadBefore + ". It should be near 0.",
	}
}

// LoadAverage is of the last minute.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	minute, _, _ := strings.Cut(string(text), " ")
	return minute
}

func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, model, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "unknown processor"
}

func redisVersion(ctx context.Context) string {
	output, _ := exec.CommandContext(ctx, "redis-server", "--version").Output()
	if version := regexp.MustCompile(`v=(\S+)`).FindSubmatch(output); version != nil {
		return string(version[1])
	}
	return "?"
}

func postgresVersion(ctx context.Context, url string) string {
	if url == "" {
		return "not used"
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return "?"
	}
	defer db.Close()
	version := "?"
	_ = db.QueryRowContext(ctx, "SHOW server_version").Scan(&version) // it stays unknown
	return version
}
