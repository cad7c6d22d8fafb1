package messaging

// What the tests of the scripts need, which are no business of a user.
var (
	ClaimScript          = claim
	MendScript           = mend
	KeepaliveScript      = keepalive
	ReleaseScript        = release
	DeadLetterScript     = deadLetter
	RedriveScript        = redrive
	RemoveConsumerScript = removeConsumer
	TrimScript           = trim
)
