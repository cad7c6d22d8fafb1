// Command inventory is the inventory service as a process of its own; "inventory healthcheck" asks the one that runs here
// whether it is ready. Its configuration is in the environment: see app.Config.
package main

import (
	"os"

	"example.com/clew/services/inventory/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
