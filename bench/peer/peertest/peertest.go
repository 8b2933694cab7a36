// Package peertest builds the real program for the tests of benchmarks that run it
// as a peer.
package peertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// built is the directory of the program, if a test needed it.
var built string

// build builds the program once.
var build = sync.OnceValues(func() (path string, err error) {
	if built, err = os.MkdirTemp("", "bench"); err != nil {
		return "", err
	}
	path = filepath.Join(built, "director")
	b := exec.Command("go", "build", "-o", path, "lvsdr/cmd/director")
	b.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := b.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build director: %w\n%s", err, out)
	}
	return path, nil
})

// Director returns where the real program is. The package's TestMain must be Main.
func Director(t testing.TB) (path string) {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Main runs the tests of a package, looks for goroutines that are left, and removes
// the program.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		var err error
		if built != "" {
			err = os.RemoveAll(built)
		}
		if err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.Exit(code)
	}))
}
