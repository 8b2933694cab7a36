package tcp

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lvsdr/lab"
)

// TestPause: it takes its time, and no more than the context's.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause(t.Context(), iperfPause); err != nil || time.Since(began) != iperfPause {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), iperfPause/4)
		defer cancel()
		began = time.Now()
		if err := pause(ctx, iperfPause); err != context.DeadlineExceeded || time.Since(began) != iperfPause/4 {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
	})
}

// iperfScript is an iperf3 whose server is busy for some tries; each leaves a letter
// in a file beside it.
const iperfScript = `#!/bin/sh
printf x >>%[1]s
if [ $(wc -c <%[1]s) -le %[2]d ]; then
	echo '{"error": "error - the server is busy running a test. try again later"}'
	exit 1
fi
echo '{"end": {"sum_sent": {"bytes": 1000}, "sum_received": {"bytes": 1000, "seconds": 1}}}'
`

// TestLANIperf3Busy: a server that is busy is asked again, not at once and not for
// ever.
func TestLANIperf3Busy(t *testing.T) {
	host := lab.ForTest(t).Host("client")
	for _, c := range []struct {
		busy, tries int
		fails       bool
	}{{0, 1, false}, {2, 3, false}, {100, iperfTries, true}} {
		directory := t.TempDir()
		path, count := filepath.Join(directory, "iperf3"), filepath.Join(directory, "tries")
		if err := os.WriteFile(path, fmt.Appendf(nil, iperfScript, count, c.busy), 0o700); err != nil {
			t.Fatal(err)
		}
		i := &iperf3{path, host}
		began := time.Now()
		o, err := i.upload(t.Context(), netip.MustParseAddr("192.0.2.1"), time.Second)
		took := time.Since(began)
		if err != nil || (o.failed > 0) != c.fails || c.fails && !strings.Contains(o.why, "busy") {
			t.Errorf("%+v: %+v, error %v", c, o, err)
		}
		if tries, err := os.ReadFile(count); err != nil || len(tries) != c.tries {
			t.Errorf("%+v: %d tries, error %v", c, len(tries), err)
		}
		if least := time.Duration(c.tries-1) * iperfPause; took < least {
			t.Errorf("%+v: %d tries within %v", c, c.tries, took)
		}
	}
}
