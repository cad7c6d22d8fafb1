package work

import (
	"fmt"
	"sync/atomic"
	"time"
)

// A loop of orders is closed: so many customers place one order after the other. How many orders are accepted and not
// finished is bounded, so that they finish in time; that is the highest rate that the objective allows.
const (
	Connections      = 16
	UnfinishedOrders = 512
	loadSKUs         = 200 // load-001 to load-200

	ObjectiveTime  = 5 * time.Second // of each order
	ObjectiveShare = 0.995           // of the orders, which are finished within it
)

// SKUOf is what a customer orders as its nth: all that can be had, and none what another orders at that time.
func SKUOf(customer, n int) string {
	return fmt.Sprintf("load-%03d", 1+(customer*loadSKUs/Connections+n)%loadSKUs)
}

// A Counter counts, and tells how many a second came between two moments.
type Counter struct {
	From, Until time.Time
	All, inside atomic.Int64
}

// Add counts one.
func (c *Counter) Add(now time.Time) {
	c.All.Add(1)
	if now.After(c.From) && now.Before(c.Until) {
		c.inside.Add(1)
	}
}

// PerSecond is the rate between From and Until.
func (c *Counter) PerSecond() float64 {
	return float64(c.inside.Load()) / c.Until.Sub(c.From).Seconds()
}
