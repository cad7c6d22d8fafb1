// Package containers tests docker-compose.yml on a Docker engine: `make test-containers`. Where no engine answers it starts
// one of its own. The machines that run it cannot fetch images, so each has a stand-in, which images, viewer and override.yml
// make. All else is as shipped: users, read-only roots, capabilities, networks, Redis's users, secrets, health checks, the
// init. docs/verification.md says what that leaves open.
package containers
