package main

import (
	"fmt"
	"os"

	inventoryapp "example.com/clew/services/inventory/app"
	orderapp "example.com/clew/services/order/app"

	"example.com/clew/clew/internal/supervise"
)

// serviceNames are the services', also as consumer groups.
var serviceNames = [...]string{"order", "inventory"}

// serviceMains are the services' main functions by name, which take a program's arguments.
type serviceMains map[string]func(args []string) int

func services() serviceMains {
	return serviceMains{"order": orderapp.Main, "inventory": inventoryapp.Main}
}

// serviceCmd runs a service as a child of the supervisor.
type serviceCmd struct {
	Name string `arg:"" help:"order or inventory."`
}

// Run blocks until the service ends, and ends this process with its status.
func (c *serviceCmd) Run(mains serviceMains) error {
	service, ok := mains[c.Name]
	if !ok {
		return fmt.Errorf("there is no service %q", c.Name)
	}
	supervise.Lifeline()
	os.Exit(service(nil))
	return nil
}
