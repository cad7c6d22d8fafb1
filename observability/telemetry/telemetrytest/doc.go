// Package telemetrytest records spans in tests and compares traces with golden files.
//
// One [Recorder] collects the spans of all services in a test, so that their traces are complete:
//
//	rec := telemetrytest.NewRecorder()
//	order := startOrder(t, rec.Telemetry(t, "order"))
//	startInventory(t, rec.Telemetry(t, "inventory"))
//	order.place(…)
//	spans := rec.WaitFor(t, confirmed)
//	telemetrytest.Golden(t, "confirmed", telemetrytest.Tree(spans))
//
// [Recorder.Setup] exports the spans as well, and fails the test if some are dropped on the way.
package telemetrytest
