//go:build containers

package containers

import (
	"fmt"
	"os"
	"testing"

	"example.com/clew/test/internal/standin"
)

// full is the full stack of all tests, which run in their order.
var full *stack

func TestMain(m *testing.M) {
	code, err := withStack(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withStack(test func() int) (code int, err error) {
	env, stop, err := standin.Start()
	if err != nil {
		return 0, err
	}
	defer stop()
	dir, err := os.MkdirTemp("", "clew-containers")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if full, err = newStack(env, dir); err != nil {
		return 0, err
	}
	defer full.remove()
	return test(), nil
}
