package standalone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"example.com/clew/clew/internal/logs"
	"example.com/clew/clew/internal/supervise"
	"example.com/clew/services/messaging"
)

// findRedis returns the path of a redis-server that is new enough.
func findRedis() (string, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errors.New("redis-server is missing, and Clew needs 7.0 or newer: install it with `" +
			installRedis() + "`, then start again")
	}
	version, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	match := regexp.MustCompile(`v=(\d+)\.`).FindSubmatch(version)
	if match == nil {
		return "", fmt.Errorf("%s --version says %q: expected a redis-server", path, version)
	}
	if major, _ := strconv.Atoi(string(match[1])); major < 7 {
		return "", fmt.Errorf("%s is too old, Clew needs Redis 7.0 or newer (https://redis.io/downloads): %s",
			path, strings.TrimSpace(string(version)))
	}
	return path, nil
}

// installRedis is the one command that installs redis-server here.
func installRedis() string {
	for _, m := range []struct{ tool, command string }{
		{"apt-get", "sudo apt-get install redis-server"},
		{"brew", "brew install redis"},
		{"dnf", "sudo dnf install redis"},
		{"apk", "sudo apk add redis"},
		{"pacman", "sudo pacman -S redis"},
	} {
		if _, err := exec.LookPath(m.tool); err == nil {
			return m.command
		}
	}
	return "your system's package manager (the package is redis or redis-server)"
}

// redisPort is the port of this Clew's Redis: the one it had last time if that
// is still free, so that a redis-cli finds it again; else a random one.
func redisPort(dir string) (int, error) {
	path := filepath.Join(dir, "redis", "port")
	saved, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read the port of Redis: %w", err)
	}
	port, _ := strconv.Atoi(strings.TrimSpace(string(saved)))
	var ln net.Listener
	if port > 0 {
		ln, _ = net.Listen("tcp", loopback(port))
	}
	if ln == nil {
		if ln, err = listenFree("127.0.0.1"); err != nil {
			return 0, fmt.Errorf("find a port for Redis: %w", err)
		}
	}
	port = ln.Addr().(*net.TCPAddr).Port
	if err := ln.Close(); err != nil {
		return 0, fmt.Errorf("give the port of Redis back: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("make the folder of Redis: %w", err)
	}
	if err := os.WriteFile(path, fmt.Appendln(nil, port), 0o600); err != nil {
		return 0, fmt.Errorf("keep the port of Redis: %w", err)
	}
	return port, nil
}

// ownRedis is how to reach this Clew's Redis. Its password keeps out the other
// users of this machine.
func ownRedis(dir string, port int) (messaging.Redis, error) {
	password, err := secret(filepath.Join(dir, "redis", "password"))
	if err != nil {
		return messaging.Redis{}, err
	}
	// Everybody may read a command line.
	if err := os.WriteFile(filepath.Join(dir, "redis", "redis.conf"), []byte("requirepass "+password+"\n"), 0o600); err != nil {
		return messaging.Redis{}, fmt.Errorf("keep the password of Redis: %w", err)
	}
	address := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: loopback(port), Path: "/0"}
	return messaging.Redis{URL: address.String()}, nil
}

// redisChild is redis-server.
func redisChild(dir, redisServer string, port int, reach messaging.Redis) supervise.Child {
	return supervise.Child{
		Name: "redis",
		Args: supervise.Tied(redisServer, "redis.conf",
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--daemonize", "no",
			"--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
			"--maxmemory-policy", "noeviction"),
		Env:   os.Environ(),
		Dir:   filepath.Join(dir, "redis"),
		Log:   logs.Path(dir, "redis"),
		Ready: func(ctx context.Context) error { return ping(ctx, reach) },
	}
}

// ping asks Redis for PONG, which it refuses while it is loading its data.
func ping(ctx context.Context, reach messaging.Redis) error {
	client, err := messaging.Connect(reach)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return client.Ping(ctx).Err()
}
