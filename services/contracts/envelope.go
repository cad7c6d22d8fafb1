package contracts

// The stream and the type of each event, which are the same for all its values, and its subject.

// Stream returns the stream on which the event travels.
func (OrderCreated) Stream() Orders { return Orders{} }

// Type returns the type of the event.
func (OrderCreated) Type() string { return "order.created.v1" }

// Subject returns the order's id.
func (e OrderCreated) Subject() string { return e.OrderID }

// Stream returns the stream on which the event travels.
func (OrderCancelled) Stream() Orders { return Orders{} }

// Type returns the type of the event.
func (OrderCancelled) Type() string { return "order.cancelled.v1" }

// Subject returns the order's id.
func (e OrderCancelled) Subject() string { return e.OrderID }

// Stream returns the stream on which the event travels.
func (OrderConfirmed) Stream() Orders { return Orders{} }

// Type returns the type of the event.
func (OrderConfirmed) Type() string { return "order.confirmed.v1" }

// Subject returns the order's id.
func (e OrderConfirmed) Subject() string { return e.OrderID }

// Stream returns the stream on which the event travels.
func (OrderRejected) Stream() Orders { return Orders{} }

// Type returns the type of the event.
func (OrderRejected) Type() string { return "order.rejected.v1" }

// Subject returns the order's id.
func (e OrderRejected) Subject() string { return e.OrderID }

// Stream returns the stream on which the event travels.
func (StockReserved) Stream() Stock { return Stock{} }

// Type returns the type of the event.
func (StockReserved) Type() string { return "stock.reserved.v1" }

// Subject returns the order's id.
func (e StockReserved) Subject() string { return e.OrderID }

// Stream returns the stream on which the event travels.
func (StockRejected) Stream() Stock { return Stock{} }

// Type returns the type of the event.
func (StockRejected) Type() string { return "stock.rejected.v1" }

// Subject returns the order's id.
func (e StockRejected) Subject() string { return e.OrderID }

// Stream returns the stream on which the event travels.
func (StockReleased) Stream() Stock { return Stock{} }

// Type returns the type of the event.
func (StockReleased) Type() string { return "stock.released.v1" }

// Subject returns the order's id.
func (e StockReleased) Subject() string { return e.OrderID }
