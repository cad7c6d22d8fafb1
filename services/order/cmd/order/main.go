// Command order is the order service. "order healthcheck" asks the one that runs on this machine whether it is ready. It is
// configured by environment variables: see app.Config.
package main

import (
	"os"

	"example.com/clew/services/order/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
