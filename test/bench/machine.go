package main

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
)

// machine says what was measured on, and with what.
func (b *bench) machine(ctx context.Context) []string {
	return []string{
		fmt.Sprintf("%s, %d cores, %s/%s, %s, Redis %s, Postgres %s", processor(), runtime.NumCPU(),
			runtime.GOOS, runtime.GOARCH, runtime.Version(), redisVersion(ctx), b.postgresVersion(ctx)),
		"Load average of the machine before: " + b.loadBefore + ". It should be near 0.",
		"Redis of the message rows: on a Unix socket, without persistence; of the orders: of `clew up`.",
		"Postgres waits for the disk (fsync on), and so does SQLite (WAL, synchronous FULL).",
		fmt.Sprintf("Spans queue up to %d, as in production; in consume_sampled_all and publish_sampled_all", productionQueue),
		fmt.Sprintf("up to %d, and their time ends with the export of the last one.", bigQueue),
		fmt.Sprintf("Orders: %d connections, at most %d orders accepted and not finished.", connections, unfinishedOrders),
	}
}

// loadAverage is of the last minute.
func loadAverage() string {
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

func (b *bench) postgresVersion(ctx context.Context) string {
	if b.postgresURL == "" {
		return "not used"
	}
	db, err := sql.Open("pgx", b.postgresURL)
	if err != nil {
		return "?"
	}
	defer db.Close()
	version := "?"
	_ = db.QueryRowContext(ctx, "SHOW server_version").Scan(&version) // it stays unknown
	return version
}
