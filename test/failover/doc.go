// Package failover tests Clew while the servers that it needs fail over: real services under load, real servers that are
// killed, stopped and cut off. Each accepted order must be confirmed, once, and the tests log how long nothing went on.
package failover
