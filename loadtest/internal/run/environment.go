package run

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/clew/loadtest/internal/result"
)

// environment describes the machine and the target of the run, as far as it is known.
func environment(ctx context.Context, mode string, client redis.UniversalClient) result.Environment {
	return result.Environment{
		Mode: mode, OS: runtime.GOOS + "/" + runtime.GOARCH, CPU: processor(), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Redis: redisVersion(ctx, client),
	}
}

// processor is the model's name on Linux, and empty elsewhere.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// redisVersion asks with HELLO, which every user may: INFO is not allowed to all.
func redisVersion(ctx context.Context, client redis.UniversalClient) string {
	answer, err := client.Do(ctx, "HELLO").Result()
	if err != nil {
		return ""
	}
	switch fields := answer.(type) {
	case map[any]any:
		version, _ := fields["version"].(string)
		return version
	case []any:
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i] == "version" {
				version, _ := fields[i+1].(string)
				return version
			}
		}
	}
	return ""
}

// cpu returns the processor time that this program has used so far.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
