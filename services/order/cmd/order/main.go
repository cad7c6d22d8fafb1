// Command order is the order service as a process of its own; "order healthcheck" asks the one that runs here whether it
// is ready. Its configuration is in the environment: see app.Config.
package main

import (
	"os"

	"example.com/clew/services/order/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
