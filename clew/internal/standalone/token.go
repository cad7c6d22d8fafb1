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

// token is the secret of this Clew, made at its first start. Requests that
// change what customers may not need it.
func token(dir string) (string, error) {
	path := filepath.Join(dir, "token")
	saved, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(saved)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the token: %w", err)
	}
	made := rand.Text()
	if err := os.WriteFile(path, []byte(made+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the token: %w", err)
	}
	return made, nil
}
