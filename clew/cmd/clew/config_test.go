package main

import "testing"

// The programs as a user meets them: a variable that cannot be used ends them before anything starts.
func TestABadVariableEndsTheProgram(t *testing.T) {
	real := asClewVariable + "=" + withServices
	for name, test := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"clew":      {[]string{"up"}, "ORDER_ADDR=foo", `clew: ORDER_ADDR is "foo", expected host:port`},
		"order":     {[]string{"service", "order"}, "CLEW_PARTITIONS=abc", `order: CLEW_PARTITIONS is "abc", expected a whole number`},
		"inventory": {[]string{"service", "inventory"}, "ADMIN_ADDR=9081", `inventory: ADMIN_ADDR is "9081", expected host:port`},
		"telemetry": {[]string{"service", "order"}, "LOG_LEVEL=loud", `order: set up telemetry: LOG_LEVEL is "loud", expected one of`},
	} {
		t.Run(name, func(t *testing.T) {
			newClew(t, real, "REDIS_URL=redis://127.0.0.1:1/0", "DATABASE_URL=sqlite:///nowhere/order.db", test.env).
				want(1, test.args, test.want)
		})
	}
}
