// Command inventory is the inventory service. "inventory healthcheck" asks the one that runs on this machine whether it is
// ready. It is configured by environment variables: see app.Config.
package main

import (
	"os"

	"example.com/clew/services/inventory/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
