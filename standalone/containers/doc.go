// Package containers tests docker-compose.yml on a Docker engine: `make test-containers`. Where no engine answers it starts
// one of its own. Where images cannot be fetched is the rule, not the exception, on the machines that run it, so each is stood
// in for; see images, viewer and override.yml. All else is as shipped: users, read-only roots, capabilities, networks, Redis's
// users, secrets, health checks, the init. docs/verification.md says what that leaves open.
package containers
