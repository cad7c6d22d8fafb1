//go:build kubernetes

package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// jobs runs the load test as the Job of deploy/kubernetes, whose end is the verdict, and then divided among four pods.
func jobs(t *testing.T, c *cluster) {
	const offered = "--arrivals=constant --rate=20 --duration=20s --threshold=e2e_p99<30s --threshold=http_p99<30s"
	t.Run("passed", func(t *testing.T) {
		c.job(t, "loadtest", offered, "Complete")
		says(t, c.do(t, "logs", "job/loadtest"), "PASSED +steady", "ok +lost==0")
	})
	t.Run("failed", func(t *testing.T) {
		c.job(t, "loadtest", offered+" --threshold=e2e_p99<1ms", "Failed")
		says(t, c.do(t, "logs", "job/loadtest"), "FAILED +steady", "FAILED +e2e_p99<1ms")
	})
	t.Run("four shards", func(t *testing.T) {
		c.job(t, "loadtest-shards", offered, "Complete")
		var shards []string
		for _, pod := range strings.Fields(c.do(t, "get", "pods", "--selector=job-name=loadtest", "--output=name")) {
			shards = append(shards, c.path(filepath.Base(pod)+".json"))
			if err := os.WriteFile(shards[len(shards)-1], []byte(c.do(t, "logs", pod)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		said, err := c.run("loadtest", append([]string{"merge"}, shards...)...)
		if err != nil {
			t.Error(err)
		}
		says(t, said, "PASSED +steady", "ok +lost==0", "400") // of 20 a second for 20 s
	})
}

// job runs a Job of deploy/kubernetes with further arguments, which must end in this condition.
func (c *cluster) job(t *testing.T, folder, arguments, condition string) {
	t.Helper()
	manifest := c.do(t, "kustomize", c.path("repository/deploy/kubernetes", folder))
	first := regexp.MustCompile(`( *- )--scenario=steady\n`)
	if !first.MatchString(manifest) {
		t.Fatalf("%s has no argument --scenario=steady:\n%s", folder, manifest)
	}
	for _, argument := range strings.Fields(arguments) {
		manifest = first.ReplaceAllString(manifest, fmt.Sprintf("${0}${1}%q\n", argument))
	}
	if err := os.WriteFile(c.path("job.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	c.do(t, "replace", "--force", "-f", c.path("job.yaml"))
	if _, err := c.kubectl("wait", "job/loadtest", "--for=condition="+condition, "--timeout=4m"); err != nil {
		t.Errorf("%v\n%s", err, c.do(t, "logs", "--selector=job-name=loadtest", "--tail=-1"))
	}
}

func says(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("it does not say %s:\n%s", pattern, text)
		}
	}
}
