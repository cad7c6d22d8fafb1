package standalone

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// token is the secret of this Clew. Requests that change what customers may
// not need it.
func token(dir string) (string, error) { return secret(filepath.Join(dir, "token")) }

// secret returns the one in a file that only the owner may read, made at the
// first start.
func secret(path string) (string, error) {
	saved, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(saved)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	made := rand.Text()
	if err := os.WriteFile(path, []byte(made+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep a secret: %w", err)
	}
	return made, nil
}
