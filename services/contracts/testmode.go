package contracts

// In test mode (CLEW_TEST_MODE=on) inventory misbehaves for orders of these SKUs, the way payment providers' test cards
// do. All but the last have stock enough for any test.
const (
	TestSlow       = "test-slow"         // takes 2 s
	TestFlaky      = "test-flaky"        // fails on its first two deliveries, then succeeds
	TestPoison     = "test-poison"       // fails on every delivery, unless SwitchPoison says PoisonFixed
	TestInvalid    = "test-invalid"      // fails for good at once
	TestCrash      = "test-crash"        // kills the process on its first delivery
	TestCrashLoop  = "test-crash-loop"   // kills the process on every delivery
	TestOutOfStock = "test-out-of-stock" // never has stock
)

// The switches of test mode are fields of one Redis hash, so that every replica sees them and they survive restarts. A
// field that is absent leaves a test SKU as it is described above.
const (
	TestSwitches = "clew:test" // the hash's key
	SwitchPoison = "poison"    // the field for TestPoison
	PoisonFixed  = "fixed"     // its value while TestPoison succeeds
)

// TestPingV1 (test.ping.v1, on the stream Orders) is handled by doing nothing, in test mode. Its payload is any JSON: it is
// the message of throughput tests.
const TestPingV1 = "test.ping.v1"
